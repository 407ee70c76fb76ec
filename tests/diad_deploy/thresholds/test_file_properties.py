"""Any thresholds come back from their file as they were; anything else is refused by name."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diad_deploy.errors import BundleError, BundleVersionError, ThresholdsError
from diad_deploy.thresholds.file import (
    FORMAT_REVISION,
    Threshold,
    Thresholds,
    from_json,
    read_thresholds,
    to_json,
    write_thresholds,
)

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SHARES = st.floats(0, 1)
# a folder's name may hold bytes that are no text
NAMES = st.one_of(st.text(max_size=8), st.binary(max_size=8).map(os.fsdecode))


@st.composite
def one_threshold(draw: st.DrawFn) -> Threshold:
    images = draw(st.integers(1, 10**6))
    low, expected, high = sorted(draw(st.tuples(SHARES, SHARES, SHARES)))
    return Threshold(
        score=draw(FLOATS),
        pixel=draw(FLOATS),
        pictures=images,
        above=draw(st.integers(0, images - 1)),
        expected_rate=expected,
        rate_low=low,
        rate_high=high,
    )


WHITES = st.one_of(
    st.just({}),
    st.builds(dict, bit_depth=st.integers(1, 32)),
    st.builds(dict, white=st.floats(1e-30, 1e30)),
)
THRESHOLDS = st.builds(
    lambda white, **named: Thresholds(format_revision=FORMAT_REVISION, **named, **white),
    white=WHITES,
    scoring_sha256=st.text("0123456789abcdef", min_size=64, max_size=64),
    false_alarm_rate=st.floats(0, 1, exclude_min=True, exclude_max=True),
    confidence=st.floats(0, 1, exclude_min=True, exclude_max=True),
    overall=one_threshold(),
    classes=st.dictionaries(NAMES, one_threshold(), max_size=3),
    backend=st.text(max_size=8),
    versions=st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3),
)


@given(THRESHOLDS)
def test_they_come_back_as_they_were(tmp_path: Path, thresholds: Thresholds) -> None:
    path = tmp_path / "thresholds.json"
    write_thresholds(path, thresholds, force=True)
    assert read_thresholds(path) == thresholds


@given(THRESHOLDS, st.data())
def test_a_field_too_many_or_too_few_is_named(thresholds: Thresholds, data: st.DataObject) -> None:
    values = json.loads(to_json(thresholds))
    classes = [json.dumps(name) for name in thresholds.classes]
    inner = values
    if (place := data.draw(st.sampled_from(["", "overall", *classes]))) == "overall":
        inner = values["overall"]
    elif place:
        inner = values["classes"][json.loads(place)]
    needed = sorted(inner.keys() - {"bit_depth", "white"})
    name = data.draw(st.sampled_from(["odd", *needed]))
    if name == "odd":
        inner["odd"] = 1
    else:
        del inner[name]
    with pytest.raises(ThresholdsError, match=name):
        from_json(json.dumps(values), where="t")


@given(
    st.one_of(
        st.binary(),
        st.text(),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        ).map(json.dumps),
    )
)
def test_anything_else_is_refused(text: str | bytes) -> None:
    with pytest.raises(BundleError) as caught:
        from_json(text, where="t")
    assert isinstance(caught.value, ThresholdsError | BundleVersionError)
