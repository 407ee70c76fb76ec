"""What is measured by default, and what is refused."""

import pytest

from benchmarks.plan import plan_for
from benchmarks.ways import WAYS
from diad_deploy.errors import OptionError


def test_all_adds_the_slow_rows() -> None:
    few, all_rows = (plan_for("demo", everything=flag).ways for flag in (False, True))
    assert set(all_rows) - set(few) == {"compile", "onnxruntime-winograd", "openvino"}
    assert len(all_rows) == len(WAYS)


def test_the_published_size_keeps_two_models_at_most() -> None:
    assert plan_for("demo", everything=False).together
    assert not plan_for("full", everything=False).together


def test_what_was_asked_for_stands() -> None:
    plan = plan_for("demo", everything=False, ways=("openvino",), rounds=3, batches=(4, 2))
    assert (plan.ways, plan.rounds, plan.largest_batch) == (("openvino",), 3, 4)


def test_an_unknown_way_is_named() -> None:
    with pytest.raises(OptionError, match="no way 'onnx'"):
        plan_for("demo", everything=False, ways=("onnx",))
