"""Images in, a report out."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from diad_deploy.arrays import ImageArray
from diad_deploy.detection.heatmap import draw_heatmap
from diad_deploy.errors import OptionError
from diad_deploy.images.discover import find_images
from diad_deploy.inspection.inspect import InspectionOptions, inspect
from diad_deploy.inspection.summary import Progress
from tests.diad_deploy.fake_detector import FakeDetector, plain, write_image, write_images
from tests.diad_deploy.inspection.inspection_case import RESUME, files, rows, run


def test_each_image_has_its_row_in_order(parts: Path, tmp_path: Path) -> None:
    summary = run(parts, tmp_path / "out")
    found = rows(tmp_path / "out")
    assert [row.picture for row in found] == [f"parts/{n:03}.png" for n in range(30)]
    assert [row.status == "failed" for row in found] == [n in (0, 13, 29) for n in range(30)]
    assert found[13].reason == "the file is empty; copy it again"
    assert found[14].score == pytest.approx((14 * 37 % 251) / 255, abs=1e-5)
    assert (found[14].width, found[14].height) == (24, 16)
    assert (summary.pictures, summary.ok, summary.failed) == (30, 27, 3)
    assert summary.exit_status == 1


def test_the_heatmap_is_the_map_over_the_image_on_the_bundles_scale(tmp_path: Path) -> None:
    write_image(tmp_path / "parts" / "a.jpg", red=180, width=90, height=50)
    run(tmp_path / "parts", tmp_path / "out")
    row = rows(tmp_path / "out")[0]
    assert row.heatmap == "heatmaps/parts/a.jpg.png"
    drawn = np.asarray(Image.open(tmp_path / "out" / row.heatmap))
    flat = np.full((50, 90), 180 / 255, np.float32)
    expected = np.asarray(draw_heatmap(plain(180, 90, 50), flat, (0.0, 1.0)))
    np.testing.assert_allclose(drawn, expected, atol=6)  # JPEG


def test_the_scale_is_the_one_asked_for(tmp_path: Path) -> None:
    write_image(tmp_path / "parts" / "a.png", red=128)
    run(tmp_path / "parts", tmp_path / "low", InspectionOptions(scale=(0.6, 1.0)))
    run(tmp_path / "parts", tmp_path / "high", InspectionOptions(scale=(0.0, 0.4)))
    name = "heatmaps/parts/a.png.png"
    low, high = (np.asarray(Image.open(tmp_path / out / name)) for out in ("low", "high"))
    np.testing.assert_array_equal(low, plain(128))
    assert np.abs(high.astype(int) - plain(128)).max() > 100


def test_images_that_differ_in_folder_or_suffix_do_not_meet(tmp_path: Path) -> None:
    for number, name in enumerate(("x/a.png", "y/a.png", "x/a.bmp", "x/b/a.png")):
        write_image(tmp_path / name, red=number * 60)
    out = tmp_path / "out"
    images = find_images([tmp_path / "x", tmp_path / "y"])
    inspect(images, FakeDetector(), out, InspectionOptions(maps="npy"))
    assert len({row.heatmap for row in rows(out)}) == 4
    for row in rows(out):
        assert row.map is not None
        assert np.load(out / row.map).mean() == pytest.approx(row.score, abs=1e-5)


def test_an_image_beside_a_folder_that_is_called_as_its_heatmap(tmp_path: Path) -> None:
    write_image(tmp_path / "parts/b.png", red=10)
    write_image(tmp_path / "parts/b.png.png/c.png", red=20)
    out = tmp_path / "out"
    assert run(tmp_path / "parts", out, InspectionOptions(maps="npy")).ok == 2
    found = {row.picture: (out / str(row.heatmap)).is_file() for row in rows(out)}
    assert found == {"parts/b.png": True, "parts/b.png.png/c.png": True}
    before = files(out)
    run(tmp_path / "parts", out, InspectionOptions(existing="force", maps="npy"))
    assert files(out) == before


def test_raw_maps_as_tiff(tmp_path: Path) -> None:
    write_image(tmp_path / "parts" / "a.png", red=100)
    run(tmp_path / "parts", tmp_path / "out", InspectionOptions(maps="tiff"))
    assert rows(tmp_path / "out")[0].map == "maps/parts/a.png.tiff"
    with Image.open(tmp_path / "out" / "maps/parts/a.png.tiff") as image:
        assert (image.mode, image.size) == ("F", (64, 64))


def test_only_the_highest_have_thumbnails(tmp_path: Path) -> None:
    parts, out = tmp_path / "parts", tmp_path / "out"
    for n in range(240):
        write_image(parts / f"{n:03}.png", red=(n * 37) % 251)
    run(parts, out)
    best = sorted(rows(out), key=lambda row: (-(row.score or 0.0), row.picture))[:200]
    thumbnails = {path.relative_to(out / "thumbnails") for path in out.rglob("*.input.jpg")}
    assert {str(path) for path in thumbnails} == {f"{row.picture}.input.jpg" for row in best}
    assert (out / "report.html").read_text().count("data:image/jpeg") == 600


def test_rows_are_written_as_they_come(parts: Path, tmp_path: Path) -> None:
    on_disk: list[tuple[int, int]] = []

    def look(now: Progress) -> None:
        on_disk.append((now.done, len(rows(tmp_path / "out"))))

    run(parts, tmp_path / "out", progress=look)
    assert on_disk == [(n, n) for n in range(31)]


def test_progress_counts(parts: Path, tmp_path: Path) -> None:
    reports: list[Progress] = []
    run(parts, tmp_path / "out", progress=reports.append)
    assert reports[0] == Progress(done=0, failed=0, total=30)
    assert reports[-1] == Progress(done=30, failed=3, total=30)


def test_the_summary_includes_the_time(tmp_path: Path) -> None:
    write_images(tmp_path / "parts", 8)
    summary = run(
        tmp_path / "parts", tmp_path / "out", detector=FakeDetector(seconds_per_image=0.02)
    )
    assert 0.16 <= summary.model_seconds < summary.seconds
    assert 8 / summary.seconds <= summary.pictures_per_second <= 8 / summary.model_seconds
    assert summary.highest[0] == ("parts/006.png", pytest.approx(222 / 255, abs=1e-5))
    assert (summary.bundle, summary.backend) == ("bundle", "fake")


def test_nothing_but_failures(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "a.png").write_bytes(b"")
    summary = run(tmp_path / "parts", tmp_path / "out")
    assert summary.exit_status == 2
    assert "the file is empty" in (tmp_path / "out" / "report.html").read_text()


def test_an_image_too_large_to_draw_fails_and_the_others_go_on(
    parts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def draw(image: ImageArray, *rest: Any) -> Image.Image:
        if image[0, 0, 0] == 17 * 37 % 251:
            raise MemoryError
        return draw_heatmap(image, *rest)

    with monkeypatch.context() as patch:
        patch.setattr("diad_deploy.report.image_outputs.draw_heatmap", draw)
        summary = run(parts, tmp_path / "out")
    assert (summary.ok, summary.failed) == (26, 4)
    assert (
        rows(tmp_path / "out")[17].reason
        == "not enough memory to draw the heatmap; make the image smaller"
    )
    run(parts, tmp_path / "out", RESUME)
    run(parts, tmp_path / "whole")
    assert files(tmp_path / "out") == files(tmp_path / "whole")


@pytest.mark.parametrize("workers", [1, 7])
def test_the_number_of_workers_changes_nothing(parts: Path, tmp_path: Path, workers: int) -> None:
    run(parts, tmp_path / "whole")
    run(parts, tmp_path / "out", InspectionOptions(workers=workers))
    assert files(tmp_path / "out") == files(tmp_path / "whole")


@pytest.mark.parametrize("workers", [0, -1, 257])
def test_a_number_of_workers_that_is_none(workers: int) -> None:
    with pytest.raises(OptionError, match=f"--workers {workers}: expected 1 to 256"):
        InspectionOptions(workers=workers)


@pytest.mark.parametrize("scale", [(1.0, 1.0), (2.0, 1.0), (0.0, float("inf")), (float("nan"), 1)])
def test_a_scale_that_is_none(scale: tuple[float, float]) -> None:
    with pytest.raises(OptionError, match="two finite numbers, the lower one first"):
        InspectionOptions(scale=scale)
