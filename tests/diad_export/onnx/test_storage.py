"""Weights are stored as float16 only if that is lossless."""

import numpy as np
import pytest

from diad_export.onnx.storage import SMALLEST, exact_float16, store_as_float16
from tests.diad_export.onnx.small_graphs import multiplying, run


def float16_values(count: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.normal(size=count).astype(np.float16).astype(np.float32)


def test_float16_values_are_stored_as_float16_with_the_same_bits() -> None:
    x = np.random.default_rng(1).normal(size=256).astype(np.float32)
    before, model = multiplying(weight=float16_values(256)), multiplying(weight=float16_values(256))
    assert store_as_float16(model) == 1
    [stored] = model.graph.initializers.values()
    assert stored.const_value is not None
    assert stored.const_value.nbytes == 512
    assert np.array_equal(run(model, x), run(before, x))


def test_values_that_would_change_stay() -> None:
    weight = float16_values(256)
    weight[7] += 1e-6
    model = multiplying(weight=weight)
    assert store_as_float16(model) == 0
    assert model.graph.initializers["weight"].const_value.nbytes == 1024


def test_small_ones_stay() -> None:
    assert store_as_float16(multiplying(weight=float16_values(SMALLEST - 1))) == 0


@pytest.mark.parametrize("odd", [1e6, 1e-9, float("nan")])
def test_overflow_underflow_and_nan_are_not_stored_as_float16(odd: float) -> None:
    assert exact_float16(np.array([1.0, odd], dtype=np.float32)) is None
