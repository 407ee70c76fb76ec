"""Engines on the simulator, traced step by step; it says nothing about a GPU's numbers."""

from pathlib import Path

import numpy as np
import pytest

from diad_deploy.bundle.folder import Bundle
from diad_export.verify.traced_bundle import trace_bundle
from diad_export.verify.traced_engines import TracedEngines
from tests.simulator.engines import with_engines
from tests.simulator.machine import Machine


def inputs(bundle: Bundle, count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    size = bundle.manifest.image.size_px
    noise, posterior_noise = (np.repeat(part[None], count, axis=0) for part in bundle.noise())
    image = rng.normal(size=(count, 3, size, size)).astype(np.float32)
    return [image, rng.normal(size=noise.shape).astype(np.float32), posterior_noise]


@pytest.mark.parametrize("target", ["tensorrt", "tensorrt-rtx"])
@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_every_step_is_traced_in_batches_over_and_below_the_profile(
    machine: Machine, standin_bundle: Bundle, tmp_path: Path, target: str, count: int
) -> None:
    bundle = with_engines(standin_bundle, tmp_path / "bundle", target, smallest=2, largest=3)
    arrays = inputs(bundle, count)
    with trace_bundle(bundle, backend="onnxruntime", device="cpu", batch_size=4) as on_cpu:
        expected = on_cpu.run(*arrays)
    with trace_bundle(bundle, backend=target, device="cuda", batch_size=4) as engines:
        found = engines.run(*arrays)
    assert engines.backend == target
    assert list(found) == list(expected)
    assert {"hint", "latents_0", "latents_1", "latents_2"} < set(found)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, atol=1e-5, err_msg=name)


def test_outputs_are_from_the_captured_graph(
    machine: Machine, standin_bundle: Bundle, tmp_path: Path
) -> None:
    bundle = with_engines(standin_bundle, tmp_path / "bundle")
    with trace_bundle(bundle, backend="tensorrt-rtx", device="cuda", batch_size=2) as engines:
        assert isinstance(engines, TracedEngines)
        engines.run(*inputs(bundle, 2))
    calls = machine.cudart.calls
    # captured when opened, and launched once, though the stages ran as well
    assert calls.count("cudaStreamBeginCapture") == 2  # batches of 1 and 2
    assert calls.count("cudaGraphLaunch") == 1
