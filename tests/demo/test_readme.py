"""The figures in `demo/README.md` are those of `demo.evaluate`."""

import json
import re
from pathlib import Path

import pytest

from demo.drawing.dataset import HELD_OUT_DEFECTS, PRODUCTS, draw_split
from demo.drawing.defects import DEFECTS
from demo.evaluate import evaluate
from demo.settings import load_settings
from diad_deploy.bundle.folder import Bundle, builtin_bundle

DEMO = Path(__file__).parents[2] / "demo"
FOUND = json.loads((DEMO / "evaluation.json").read_text())
ROWS = {
    name.strip().strip("*"): (float(image), float(pixel))
    for name, image, pixel in re.findall(
        r"^\| ([^|]+) \|[^|]*?(\d\.\d{3})[^|]*\|[^|]*?(\d\.\d{3})[^|]*\|$",
        (DEMO / "README.md").read_text(),
        re.MULTILINE,
    )
}


def expected() -> dict[str, dict[str, float]]:
    steps = {
        f"{n} step" + ("s" if n != "1" else ""): figures for n, figures in FOUND["steps"].items()
    }
    kinds = {
        kind.replace("_", " ") + (" (test alone)" if figures["held_out"] else ""): figures
        for kind, figures in FOUND["kinds"].items()
    }
    alone = {"autoencoder alone": FOUND["autoencoder_only"]}
    return {**FOUND["classes"], "mean": FOUND["mean"], **alone, **steps, **kinds}


def test_every_figure_is_from_the_evaluation() -> None:
    wanted = {
        name: (round(figures["image_auroc"], 3), round(figures["pixel_auroc"], 3))
        for name, figures in expected().items()
        if name != f"{load_settings().build.steps} steps"
    }
    assert {name: ROWS.get(name) for name in wanted} == wanted


def test_the_evaluation_is_of_all_classes_and_kinds() -> None:
    assert set(FOUND["classes"]) == set(PRODUCTS)
    assert set(FOUND["kinds"]) == set(DEFECTS)
    assert {k for k, v in FOUND["kinds"].items() if v["held_out"]} == set(HELD_OUT_DEFECTS)


@pytest.mark.slow
def test_the_built_in_bundle_reaches_the_figures() -> None:
    bundle = Bundle.open(builtin_bundle())
    count = load_settings().data.test_per_product
    samples = list(draw_split("test", per_product=count, size_px=bundle.manifest.image.size_px))
    again = evaluate(bundle, samples).as_json()
    assert again["pictures"] == FOUND["pictures"]
    for name in ("image_auroc", "pixel_auroc"):
        assert again["mean"][name] == pytest.approx(FOUND["mean"][name], abs=2e-3)  # type: ignore[index]
