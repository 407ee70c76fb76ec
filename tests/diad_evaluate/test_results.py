"""Means, what they leave out, and how a run ended."""

import json

import pytest

from diad_evaluate.metrics.figures import METRICS
from diad_evaluate.metrics.paper import PAPER
from tests.diad_evaluate.found_evaluations import class_found, evaluation, mistake, mvtec_ad, row


def test_a_mean_leaves_out_where_it_is_undefined_and_says_so() -> None:
    partial = {name: 0.9 for name in METRICS if name.startswith("pixel")}
    undefined = {name: "only good images" for name in METRICS if name.startswith("image")}
    found = evaluation(
        class_found("a", 0.5),
        class_found("b", 0.7),
        class_found("c", figures=partial, undefined=undefined, notes=("something",)),
    )
    assert found.mean["image_auroc"] == pytest.approx(0.6)
    assert found.mean["pixel_ap"] == pytest.approx(0.7)
    assert found.left_out == dict.fromkeys(undefined, ("c",))
    assert found.notes() == [
        "c: something",
        "mean: image metrics without c, where it is undefined",
    ]


def test_a_metric_that_no_class_has() -> None:
    found = evaluation(class_found("a", figures={}))
    assert found.mean == {}
    assert found.as_json()["mean"] == dict.fromkeys(METRICS)


@pytest.mark.parametrize(
    ("rows", "status"),
    [
        ([row("a")], 0),
        ([row("a"), row("b", status="failed", score=None, reason="empty")], 1),
        ([row("a", status="mask failed", reason="mask: empty")], 1),
        ([row("b", status="failed", score=None, reason="empty")], 2),
    ],
)
def test_exit_status(rows: list, status: int) -> None:
    assert evaluation(rows=tuple(rows)).exit_status == status


def test_json_holds_it_all() -> None:
    rows = (row("a"), row("b", status="failed", score=None, reason="empty"))
    found = mvtec_ad(rows=rows, false_alarms=(mistake("x"),), stopped=True)
    shown = json.loads(json.dumps(found.as_json()))
    assert (shown["pictures"], shown["failed"], shown["stopped"]) == (2, 1, True)
    assert list(shown["classes"]) == list(PAPER[0].classes)
    assert shown["classes"]["screw"]["figures"] == dict.fromkeys(METRICS, 0.5)
    assert shown["paper"]["figures"]["image_auroc"] == 0.972
    assert shown["paper"]["mean_over_classes"] == 15
    assert "AAAI 2024" in shown["paper"]["source"]
    assert shown["faults"] == [
        {
            "picture": "b",
            "product": "a",
            "kind": "good",
            "status": "failed",
            "score": None,
            "reason": "empty",
            "mask": None,
        }
    ]
    assert shown["false_alarms"][0]["picture"] == "x"
    assert evaluation(class_found("screw")).as_json()["paper"] is None
