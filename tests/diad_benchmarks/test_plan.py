"""What is measured by default, and what is refused."""

import pytest

from diad_benchmarks.backends.backend import BACKENDS
from diad_benchmarks.plan import GPU_ORDER, GpuRoom, plan_for
from diad_deploy.errors import OptionError


def test_all_adds_the_slow_rows() -> None:
    few, all_rows = (plan_for("demo", everything=flag).ways for flag in (False, True))
    assert set(all_rows) - set(few) == {"compile", "onnxruntime-winograd", "openvino"}
    assert len(all_rows) == len(BACKENDS)


def test_a_gpu_is_measured_with_its_own_rows() -> None:
    small, large = (
        GpuRoom(total_bytes=80 * 10**9, bundle_bytes=held) for held in (48 * 10**6, 5 * 10**9)
    )
    plan = plan_for("demo", everything=False, gpu=small)
    assert set(GPU_ORDER) - set(plan.ways) == {"compile"}
    assert {each.name for each in BACKENDS if each.device == "cuda"} < set(plan.ways)
    assert plan.batches[:2] == (1, 8)
    assert plan.together
    assert not plan_for("full", everything=False, gpu=large).together
    assert set(plan_for("demo", everything=True, gpu=small).ways) == {
        each.name for each in BACKENDS
    }


def test_the_published_size_keeps_two_models_at_most() -> None:
    assert plan_for("demo", everything=False).together
    assert not plan_for("full", everything=False).together


def test_what_was_asked_for_stands() -> None:
    plan = plan_for("demo", everything=False, backends=("openvino",), rounds=3, batches=(4, 2))
    assert (plan.ways, plan.rounds, plan.largest_batch) == (("openvino",), 3, 4)


def test_an_unknown_backend_is_named() -> None:
    with pytest.raises(OptionError, match="no backend 'onnx'"):
        plan_for("demo", everything=False, backends=("onnx",))
