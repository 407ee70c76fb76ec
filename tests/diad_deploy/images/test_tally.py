"""What a run says of its images at the end."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diad_deploy.images.formats.white_level import WhiteLevel
from diad_deploy.images.reader import ImageReader
from tests.diad_deploy.images.tiff_file import Values, write_tiff


def warnings_of(folder: Path, *images: Values, level: WhiteLevel | None = None) -> tuple[str, ...]:
    reader = ImageReader(level or WhiteLevel())
    for values in images:
        reader.read(write_tiff(folder / "a.tif", values))
    return reader.warnings()


def full(value: float, kind: str) -> Values:
    return np.full((4, 4), value, kind)


@pytest.mark.parametrize(
    ("largest", "kind", "way"),
    [
        (4095, "uint16", "such as --bit-depth 12"),
        (16383, "uint16", "such as --bit-depth 14"),
        (1023, "uint16", "such as --bit-depth 10"),
        (255, "int32", "such as --bit-depth 8"),
        (4095, "int16", "such as --bit-depth 12"),
        (65535, "int32", "such as --bit-depth 16"),
        (0.2, "float32", "--white"),
    ],
)
def test_upper_bits_that_no_image_uses(tmp_path: Path, largest: float, kind: str, way: str) -> None:
    (warning,) = warnings_of(
        tmp_path, full(largest / 4, kind), full(largest, kind), full(200, "uint8")
    )
    assert warning.startswith("2 of 3 images (TIFF) are dark: white is ")
    assert warning.endswith(way)


def test_one_bright_image_shows_that_the_bits_are_used(tmp_path: Path) -> None:
    assert warnings_of(tmp_path, *[full(900, "uint16")] * 5, full(40000, "uint16")) == ()
    assert warnings_of(tmp_path, full(200, "uint8")) == ()
    assert warnings_of(tmp_path, full(900, "uint16"), level=WhiteLevel(bit_depth=10)) == ()


def test_each_kind_of_sample_is_looked_at_for_itself(tmp_path: Path) -> None:
    (warning,) = warnings_of(tmp_path, full(0.9, "float32"), full(900, "uint16"))
    assert warning.startswith("1 of 2 images (TIFF) are dark: white is 65535")


def test_where_the_depth_is_settled_no_other_one_is_advised(tmp_path: Path) -> None:
    (warning,) = warnings_of(tmp_path, full(300, "uint16"), level=WhiteLevel(bit_depth=12))
    assert "are dark: white is 4095, but no value is above 300" in warning
    assert "--bit-depth" not in warning
    reader = ImageReader()
    reader.read(write_tiff(tmp_path / "a.tif", full(300, "uint16"), more={281: (3, [4095])}))
    (warning,) = reader.warnings()
    assert "--bit-depth" not in warning


def test_what_an_earlier_part_read_may_be_missing(tmp_path: Path) -> None:
    reader = ImageReader()
    reader.tally.mark_incomplete()
    reader.read(write_tiff(tmp_path / "a.tif", full(300, "uint16")))
    assert reader.warnings()[0].startswith("1 of 1 images read since the run was resumed (TIFF)")


def test_floats_far_above_white(tmp_path: Path) -> None:
    assert warnings_of(tmp_path, full(1.4, "float32")) == ()
    (warning,) = warnings_of(tmp_path, full(0.5, "float32"), full(254.5, "float32"))
    assert "1 of 2 images (TIFF) have values above 1.5 times white (1), up to 254.5" in warning
    assert warning.endswith("such as --white 255")


def test_files_that_say_different_whites(tmp_path: Path) -> None:
    reader = ImageReader()
    reader.read(write_tiff(tmp_path / "a.tif", full(4000, "uint16"), more={281: (3, [4095])}))
    reader.read(write_tiff(tmp_path / "b.tif", full(40000, "uint16")))
    (warning,) = reader.warnings()
    assert "TIFF files differ in their white level: 4095 in 1, 65535 in 1 of 2" in warning


def test_an_option_that_changed_nothing(tmp_path: Path) -> None:
    (warning,) = warnings_of(tmp_path, full(200, "uint8"), level=WhiteLevel(white=100))
    assert warning.startswith("--white 100 had no effect: none of 1 images")


def test_a_run_that_goes_on_counts_on(tmp_path: Path) -> None:
    first, second = ImageReader(), ImageReader()
    first.read(write_tiff(tmp_path / "a.tif", full(4095, "uint16")))
    second.tally.add_json(json.loads(json.dumps(first.tally.as_json())))
    assert second.warnings() == first.warnings() != ()
    second.read(write_tiff(tmp_path / "b.tif", full(900, "uint16")))
    assert second.warnings()[0].startswith("2 of 2 images (TIFF) are dark")
    second.read(write_tiff(tmp_path / "c.tif", full(60000, "uint16")))
    assert second.warnings() == ()
    with pytest.raises(KeyError):
        second.tally.add_json({})


def test_pages_are_counted(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    reader = ImageReader()
    for name, what in (("a.gif", "an animation"), ("a.webp", "3 frames"), ("a.png", "3 frames")):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
        assert what in str(reader.read(tmp_path / name).note)
    frames[0].save(tmp_path / "one.gif")
    assert reader.read(tmp_path / "one.gif").note is None
    (warning,) = reader.warnings()
    assert warning.startswith("3 of 4 images have several pages or frames")
