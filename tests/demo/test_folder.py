"""A split on disk has the images of the drawn split, and the same evaluation."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from demo.drawing.dataset import PRODUCTS, draw_split
from demo.evaluate import Model, run_samples
from demo.folder import command, write_split
from demo.metrics import by_class
from diad_deploy.bundle.folder import Bundle
from diad_deploy.detector import Detector
from diad_deploy.errors import OutputError
from diad_deploy.labelled.layouts.choice import find_labelled_set
from diad_evaluate.evaluation import evaluate

SIZE_PX = 64


def test_images_and_masks_are_read_as_drawn(tmp_path: Path) -> None:
    count = write_split(tmp_path / "out", "test", per_product=4, size_px=SIZE_PX)
    labelled = find_labelled_set(tmp_path / "out")
    assert labelled.layout.name == "mvtec-ad"
    assert count == len(labelled.images) == 4 * len(PRODUCTS)
    drawn = {
        (s.product, s.defect or "good", s.image.tobytes()): s.mask
        for s in draw_split("test", per_product=4, size_px=SIZE_PX)
    }
    for each in labelled.images:
        with Image.open(each.path) as image:
            mask = drawn.pop((each.product, each.kind, np.asarray(image).tobytes()))
        if each.mask is None:
            assert not mask.any()
        else:
            with Image.open(each.mask) as image:
                assert np.array_equal(np.asarray(image), mask * np.uint8(255))
    assert drawn == {}
    facts = json.loads((tmp_path / "out" / "split.json").read_text())
    assert facts == {"split": "test", "per_product": 4, "size_px": SIZE_PX}


def test_figures_are_those_of_the_demos_own_evaluation(
    tmp_path: Path, standin_bundle: Bundle
) -> None:
    size_px = standin_bundle.manifest.image.size_px
    write_split(tmp_path / "out", "test", per_product=4, size_px=size_px)
    with Detector.open(standin_bundle, threads=1) as detector:
        found = evaluate(find_labelled_set(tmp_path / "out"), detector)
    model, steps = Model(standin_bundle), standin_bundle.manifest.schedule.steps
    samples = list(draw_split("test", per_product=4, size_px=size_px))
    wanted = by_class(run_samples(standin_bundle, samples, lambda b: model.detect(b, steps)))
    assert {each.product for each in found.classes} == wanted.keys()
    for each in found.classes:
        for name, value in wanted[each.product].items():
            assert each.figures[name] == pytest.approx(value, abs=1e-6)


def test_the_command(tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = [str(out), "--split", "train", "--per-product", "2"]
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.output == f"18 images in {out}\n"
    assert len(list(out.glob("*/train/good/*.png"))) == 18
    assert not list(out.glob("*/ground_truth"))
    with pytest.raises(OutputError, match="already exists"):
        CliRunner().invoke(command, arguments, catch_exceptions=False)
    CliRunner().invoke(command, [*arguments, "--force"], catch_exceptions=False)
