"""Decisions are counted as rows go by."""

from diad_deploy.report.decision_counts import DecisionCounts
from diad_deploy.report.results import ResultRow


def test_rows_pass_unchanged_and_are_counted() -> None:
    rows = [
        ResultRow(picture=str(place), path="p", status="failed", decision=decision)
        for place, decision in enumerate(("good", "defect", None, "good"))
    ]
    counts = DecisionCounts()
    assert list(counts.count(rows)) == rows
    assert counts.as_dict() == {"good": 2, "defect": 1}
