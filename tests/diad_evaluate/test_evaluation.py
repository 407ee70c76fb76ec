"""Runs over small test sets with a detector whose maps are the images' red."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diad_deploy.errors import BackendError
from diad_deploy.images.preprocess import prepare
from diad_deploy.images.reader import read_image
from diad_deploy.inspection.summary import Progress
from diad_deploy.labelled.layouts.choice import find_labelled_set
from diad_deploy.labelled.mask_findings import MaskCounts
from diad_deploy.labelled.masks import read_mask
from diad_evaluate.evaluation import evaluate
from diad_evaluate.metrics.figures import (
    EXACT_AU_PRO,
    METRICS,
    PIXEL_METRICS,
    image_figures,
    pixel_figures,
)
from diad_evaluate.results import Evaluation
from tests.diad_deploy.fake_detector import IMAGE, FakeDetector
from tests.diad_evaluate.labelled_folders import (
    HEIGHT,
    WIDTH,
    write_bad,
    write_good,
    write_mvtec_class,
)


def run(folder: Path, **options: object) -> Evaluation:
    return evaluate(find_labelled_set(folder), FakeDetector(), **options)  # type: ignore[arg-type]


def red_of(path: Path) -> np.ndarray:
    prepared = prepare(read_image(path), IMAGE)
    return (prepared[0] * IMAGE.std[0] + IMAGE.mean[0]).astype(np.float32)


def test_figures_are_those_of_the_maps(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_mvtec_class(tmp_path / name, good=5, bad=4)
    write_good(tmp_path / "b/test/good/bright.png", red=150)
    found = run(tmp_path)
    assert [each.product for each in found.classes] == ["a", "b"]
    labelled = [p for p in find_labelled_set(tmp_path).images if p.product == "b"]
    maps = np.stack([red_of(p.path) for p in labelled])
    masks = np.stack(
        [
            read_mask(p.mask, image_size_px=(HEIGHT, WIDTH)).resized(IMAGE.size_px)
            if p.mask
            else np.zeros(IMAGE.size_px * np.ones(2, int), dtype=bool)
            for p in labelled
        ]
    )
    pixels, _ = pixel_figures(maps, masks)
    images = image_figures([p.defective for p in labelled], maps.mean(axis=(1, 2)))
    result = found.classes[1]
    assert result.figures == pytest.approx(pixels | images, abs=1e-6)
    assert (result.good, result.defective, result.masked, result.notes) == (6, 4, 10, ())
    assert result.figures["image_auroc"] < 1
    assert found.mean.keys() == set(METRICS)
    assert [row.status for row in found.rows] == ["ok"] * 19
    assert found.exit_status == 0


def test_the_worst_are_drawn(tmp_path: Path) -> None:
    write_mvtec_class(tmp_path / "a", good=4, bad=4)
    write_good(tmp_path / "a/test/good/bright.png", red=200)
    write_bad(tmp_path / "a/test/scratch/faint.png", red=45)
    found = run(tmp_path)
    assert [each.image.name for each in found.false_alarms] == ["a/test/good/bright.png"]
    assert [each.image.name for each in found.misses] == ["a/test/scratch/faint.png"]
    assert run(tmp_path, mistakes=0).misses == ()


def test_what_cannot_be_used_has_its_reason_and_the_rest_goes_on(tmp_path: Path) -> None:
    root = write_mvtec_class(tmp_path / "a", good=3, bad=6)
    scratch, marked = root / "test/scratch", root / "ground_truth/scratch"
    (scratch / "000.png").write_bytes(b"")
    (marked / "001_mask.png").write_bytes(b"nothing")
    write_bad(tmp_path / "other.png")
    write_good(marked / "002_mask.png").write_bytes((tmp_path / "other.png").read_bytes()[:90])
    (marked / "003_mask.png").unlink()
    reports: list[Progress] = []
    found = run(tmp_path, progress=reports.append)
    assert {row.picture[-7:]: (row.status, row.score is not None) for row in found.faults} == {
        "000.png": ("failed", False),
        "001.png": ("mask failed", True),
        "002.png": ("mask failed", True),
    }
    reasons = [row.reason or "" for row in found.faults]
    assert reasons[0] == "the file is empty; copy it again"
    assert reasons[1].startswith("mask: not an image")
    (result,) = found.classes
    assert (result.good, result.defective, result.failed, result.masked) == (3, 5, 1, 5)
    assert result.notes == (
        "images that failed: 1",
        "without a mask: 1 of 5 defective images; image metrics only (the published code counts "
        "all pixels of such images as defective)",
        "masks that cannot be used: 2 of 5; image metrics only",
    )
    assert result.figures.keys() == set(METRICS)
    assert found.exit_status == 1
    assert reports[-1] == Progress(done=9, failed=1, total=9)


def test_a_mask_of_another_size(tmp_path: Path) -> None:
    root = write_mvtec_class(tmp_path / "a")
    (root / "ground_truth/scratch/001_mask.png").unlink()
    Image.new("L", (WIDTH * 2, HEIGHT), 255).save(root / "ground_truth/scratch/001_mask.png")
    found = run(tmp_path)
    (fault,) = found.faults
    assert fault.status == "mask failed"
    assert fault.reason == (
        "mask: the mask is 64 x 24 pixels and its image 32 x 24; "
        "save the mask at the size of the image"
    )
    assert found.classes[0].masked == 5


def fill_mask(root: Path, number: int, level: int) -> None:
    path = root / f"ground_truth/scratch/{number:03}_mask.png"
    Image.new("L", (WIDTH, HEIGHT), level).save(path)


def test_masks_that_mark_nothing_or_everything_are_for_the_image_metrics_only(
    tmp_path: Path,
) -> None:
    root = write_mvtec_class(tmp_path / "a", good=4, bad=5)
    fill_mask(root, 0, 0)
    fill_mask(root, 1, 9)
    found = run(tmp_path)
    (result,) = found.classes
    assert (result.good, result.defective, result.masked) == (4, 5, 7)
    assert result.masks == MaskCounts(empty=1, full=1)
    assert result.notes == (
        "masks that mark nothing: 1 of 5 (a/test/scratch/000.png); image metrics only (the "
        "published code counts such images as good)",
        "masks that mark the whole image: 1 of 5 (a/test/scratch/001.png); image metrics only",
    )
    assert [row.mask for row in found.rows if row.mask] == [
        "marks nothing",
        "marks the whole image",
    ]
    assert found.exit_status == 0
    for number in (0, 1):
        (root / f"test/scratch/{number:03}.png").unlink()
    pixels = {name: result.figures[name] for name in (*PIXEL_METRICS, EXACT_AU_PRO)}
    without = run(tmp_path).classes[0].figures
    assert pixels == {name: without[name] for name in pixels}


def test_what_may_be_wrong_with_a_mask_is_noted(tmp_path: Path) -> None:
    root = write_mvtec_class(tmp_path / "a", good=3, bad=8)
    for number in range(8):
        path = root / f"ground_truth/scratch/{number:03}_mask.png"
        with Image.open(path) as mask:
            if number == 7:
                mask.save(path, "JPEG", quality=90)
            else:
                mask.point([255, *[0] * 255]).save(path)
    (result,) = run(tmp_path).classes
    names = ", ".join(f"a/test/scratch/{number:03}.png" for number in range(5))
    assert result.notes[:2] == (
        f"masks that mark most of their image: 7 of 8 ({names}, and 2 more); check whether they "
        f"are inverted: every pixel that is not black counts as defective",
        "masks with lossy compression such as JPEG: 1 of 8; thresholded at half of white; "
        "save masks as PNG",
    )
    assert (result.masked, result.masks) == (11, MaskCounts(most=7, lossy=1))


def test_the_same_figures_whatever_a_tool_writes(tmp_path: Path) -> None:
    root = write_mvtec_class(tmp_path / "a", good=4, bad=4)
    want = run(tmp_path).classes[0].figures
    for number in range(4):
        path = root / f"ground_truth/scratch/{number:03}_mask.png"
        with Image.open(path) as image:
            marked = np.asarray(image) > 0
        if number == 0:
            painted = np.where(marked[..., None], (255, 0, 0, 255), (255, 255, 255, 0))
            Image.fromarray(painted.astype(np.uint8)).save(path)
        elif number == 1:
            Image.fromarray((marked * 3).astype(np.uint16)).save(path)
        elif number == 2:
            Image.fromarray(marked.astype(np.uint8)).save(path)
        else:
            Image.fromarray(marked.astype(np.uint8) * 255).save(path, "WEBP", lossless=True)
    (result,) = run(tmp_path).classes
    assert (result.figures, result.notes) == (want, ())


def test_a_class_of_one_kind_is_left_out_of_the_mean(tmp_path: Path) -> None:
    write_mvtec_class(tmp_path / "a")
    write_mvtec_class(tmp_path / "b", bad=0)
    found = run(tmp_path)
    assert found.mean == pytest.approx(found.classes[0].figures)
    assert found.left_out == dict.fromkeys(METRICS, ("b",))
    assert found.exit_status == 0


def stopping(error: BaseException, batch: int) -> FakeDetector:
    def before(number: int) -> None:
        if number == batch:
            raise error

    return FakeDetector(before=before)


@pytest.mark.parametrize("make", [KeyboardInterrupt, lambda: BackendError("no memory")])
def test_whole_classes_survive_a_stop(tmp_path: Path, make: Callable[[], BaseException]) -> None:
    for name in ("a", "b", "c"):
        write_mvtec_class(tmp_path / name, good=4, bad=4)
    kept: list[Evaluation] = []
    error = make()
    with pytest.raises(type(error)):
        evaluate(find_labelled_set(tmp_path), stopping(error, 5), on_stopped=kept.append)
    (found,) = kept
    assert found.stopped
    assert [each.product for each in found.classes] == ["a", "b"]
    assert found.classes == run(tmp_path).classes[:2]
    assert len(found.rows) == 16


def test_nothing_to_keep(tmp_path: Path) -> None:
    write_mvtec_class(tmp_path / "a", good=4, bad=4)
    kept: list[Evaluation] = []
    with pytest.raises(KeyboardInterrupt):
        evaluate(
            find_labelled_set(tmp_path), stopping(KeyboardInterrupt(), 1), on_stopped=kept.append
        )
    assert kept == []
