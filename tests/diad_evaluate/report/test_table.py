"""Rows of figures in percent."""

from diad_evaluate.metrics.figures import METRICS
from diad_evaluate.metrics.paper import PAPER
from diad_evaluate.report.table import TITLES, UNDEFINED, table_rows, to_percent
from tests.diad_evaluate.found_evaluations import class_found, evaluation, mvtec_ad


def test_every_metric_has_a_title() -> None:
    assert tuple(TITLES) == METRICS


def test_classes_then_mean_then_paper() -> None:
    rows = table_rows(evaluation(class_found("screw", 0.5), class_found("pill", 0.7)))
    assert [(row.kind, row.name, row.images) for row in rows] == [
        ("class", "screw", "3 + 4"),
        ("class", "pill", "3 + 4"),
        ("mean", "mean", "6 + 8"),
    ]
    assert rows[2].cells == ("60.0",) * 8


def test_the_papers_row_comes_last() -> None:
    last = table_rows(mvtec_ad())[-1]
    assert (last.kind, last.images) == ("paper", "")
    assert last.name == "the paper's MVTec-AD, mean of 15"
    assert last.cells == (
        *("97.2", "99.0", "96.5", "96.8", "52.6", "55.5", "90.7"),
        UNDEFINED,
    )
    assert set(last.cells[:7]) == set(to_percent(PAPER[0].figures)[:7])


def test_other_data_have_no_row_of_the_papers() -> None:
    rows = table_rows(evaluation(class_found("washer"), layout="mvtec-ad"))
    assert [row.kind for row in rows] == ["class", "mean"]
