"""The machine's own rates come from what it does."""

import pytest

from diad_benchmarks.measure import rates
from diad_benchmarks.measure.machine import describe_machine
from diad_benchmarks.measure.rates import ProcessorRates


def test_rates_are_medians_of_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "SIDE", 64)
    monkeypatch.setattr(rates, "COPIED_BYTES", 1 << 16)
    processor = ProcessorRates()
    for _ in range(3):
        processor.sample()
    found = processor.found()
    assert found.library in ("NumPy", "ONNX Runtime")
    assert 1e6 < found.flops <= found.best_flops
    assert 1e5 < found.copy_bytes_per_s <= found.best_copy_bytes_per_s


def test_both_libraries_multiply_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "SIDE", 16)
    left, right = rates.np.eye(16, dtype="float32"), rates.np.ones((16, 16), "float32")
    multiply = rates._onnxruntime_product(left, 2 * right)
    assert multiply is not None
    [product] = multiply()
    assert (product == 2).all()


def test_the_machine_is_described() -> None:
    machine = describe_machine()
    assert 1 <= machine.usable_cores <= machine.cores
    assert machine.versions["numpy"]
    assert machine.memory_bytes is None or machine.memory_bytes > 1e8
