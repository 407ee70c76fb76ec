"""Which value is white: as given, as kept, and where the two differ."""

import pytest

from diad_deploy.errors import OptionError
from diad_deploy.images.formats.opening import LIMIT_PX
from diad_deploy.images.formats.white_level import (
    AUTO_WHITE,
    WhiteLevel,
    exact_bit_depth,
    format_white,
    resolve_white,
)
from diad_deploy.images.options import make_image_options

TWELVE = WhiteLevel(bit_depth=12)


def test_a_depth_is_a_value() -> None:
    assert TWELVE.value == 4095
    assert WhiteLevel(bit_depth=32).value == 2**32 - 1
    assert AUTO_WHITE.value is None
    assert [exact_bit_depth(value) for value in (1, 255, 4095, 4094, 0.5, 2**40)] == [
        *(1, 8, 12),
        *(None, None, None),
    ]
    assert [format_white(value) for value in (None, 4095, 250.5)] == [
        "--bit-depth auto",
        "--bit-depth 12",
        "--white 250.5",
    ]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"bit_depth": 0}, "expected 1 to 32, or auto"),
        ({"bit_depth": "33"}, "expected 1 to 32"),
        ({"bit_depth": "twelve"}, "expected auto or the camera's number of bits"),
        ({"white": 0.0}, "a finite number above 0"),
        ({"white": float("nan")}, "a finite number above 0"),
        ({"bit_depth": "12", "white": 4095.0}, "exclude each other"),
        ({"bit_depth": "auto", "white": 4095.0}, "exclude each other"),
        ({"max_megapixels": 0}, "a number above 0"),
        ({"max_megapixels": float("nan")}, "a number above 0"),
    ],
)
def test_what_does_not_fit_is_named(given: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        make_image_options(**given)  # type: ignore[arg-type]


def test_options_are_what_was_given() -> None:
    assert make_image_options().white is None
    assert make_image_options().limit_px == LIMIT_PX
    assert make_image_options(bit_depth="auto").white == AUTO_WHITE
    assert make_image_options(bit_depth="12").white == TWELVE
    assert make_image_options(white=255.0).white == WhiteLevel(white=255.0)
    assert make_image_options(max_megapixels=300).limit_px == 300_000_000


def test_thresholds_say_what_is_white() -> None:
    assert resolve_white(None, None, where="t") == AUTO_WHITE
    assert resolve_white(TWELVE, None, where="t") == TWELVE
    assert resolve_white(None, TWELVE, where="t") == TWELVE
    assert resolve_white(WhiteLevel(white=4095), TWELVE, where="t") == TWELVE
    for given, kept in ((AUTO_WHITE, TWELVE), (TWELVE, AUTO_WHITE), (WhiteLevel(white=4), TWELVE)):
        with pytest.raises(OptionError) as raised:
            resolve_white(given, kept, where="t.json")
        assert given.option in str(raised.value)
        assert kept.option in str(raised.value)
        assert "t.json" in str(raised.value)
