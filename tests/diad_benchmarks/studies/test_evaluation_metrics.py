"""All classes of MVTec-AD's test set are measured, with metrics that mean something."""

import json

from click.testing import CliRunner

from diad_benchmarks.cli.studies import evaluation_metrics
from diad_benchmarks.studies.evaluation_metrics import MVTEC_AD_TEST, measure
from diad_evaluate.metrics.figures import METRICS
from diad_evaluate.metrics.paper import PAPER


def test_the_classes_are_mvtec_ads() -> None:
    assert MVTEC_AD_TEST.keys() == set(PAPER[0].classes)
    assert sum(map(sum, MVTEC_AD_TEST.values())) == 1725
    assert sum(good for good, _ in MVTEC_AD_TEST.values()) == 467


def test_a_small_measurement() -> None:
    found = measure({"a": (2, 3), "b": (1, 2)}, 48)
    assert (found.pictures, found.pixels) == (8, 8 * 48 * 48)
    assert 0 < found.slowest_class_seconds <= found.metric_seconds
    for figures in found.figures.values():
        assert figures.keys() == set(METRICS)
        # raised where the masks are, and not all too easy
        assert 0.6 < figures["pixel_auroc"] < 1
    assert str(found).startswith("8 maps, 0 million pixels\nmetrics ")


def test_the_command_prints_json() -> None:
    result = CliRunner().invoke(
        evaluation_metrics, ["--size", "16", "--json"], catch_exceptions=False
    )
    assert json.loads(result.output)["pictures"] == 1725
