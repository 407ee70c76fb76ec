"""How a run ended, for people's scripts."""

import json
from dataclasses import replace

import pytest

from diad_deploy.inspection.summary import Summary


def summary(*, ok: int, failed: int) -> Summary:
    return Summary(
        pictures=ok + failed,
        ok=ok,
        failed=failed,
        resumed=0,
        seconds=2.0,
        model_seconds=1.5,
        pictures_per_second=1.0,
        bundle="bundle",
        backend="fake",
        devices=("cpu",),
        backend_reason="for tests",
        output="out",
        report="out/report.html",
        highest=(("a.png", 0.5),),
    )


@pytest.mark.parametrize(("ok", "failed", "status"), [(3, 0, 0), (2, 1, 1), (0, 3, 2)])
def test_exit_status(ok: int, failed: int, status: int) -> None:
    assert summary(ok=ok, failed=failed).exit_status == status


@pytest.mark.parametrize(
    ("ok", "failed", "defects", "status"),
    [(3, 0, 0, 0), (3, 0, 1, 3), (2, 1, 1, 3), (2, 1, 0, 1), (0, 3, 0, 2)],
)
def test_defects_show_where_asked_for_and_before_failures(
    ok: int, failed: int, defects: int, status: int
) -> None:
    decisions = {"good": ok - defects, "defect": defects}
    found = replace(summary(ok=ok, failed=failed), decisions=decisions)
    assert replace(found, fail_on_defect=True).exit_status == status
    assert found.exit_status == summary(ok=ok, failed=failed).exit_status


def test_json() -> None:
    values = json.loads(json.dumps(summary(ok=1, failed=0).as_json()))
    assert values["highest"] == [{"picture": "a.png", "score": 0.5}]
    assert values["report"] == "out/report.html"
    assert set(values) == set(Summary.__dataclass_fields__)
