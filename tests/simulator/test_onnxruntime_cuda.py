"""The simulated CUDA provider reports faults that cause wrong numbers or a crash in a real one."""

import gc
from typing import Any

import numpy as np
import pytest

from diad_deploy.bundle.folder import Bundle
from tests.simulator.cudart import SimulatedCudart
from tests.simulator.memory import SimulationFault
from tests.simulator.onnxruntime_cuda import CUDA, SimulatedOnnxRuntime

SHAPE = (2, 4, 4, 4)
BYTES = 4 * 2 * 4 * 4 * 4


class Decoder:
    """The stand-in's decoder for two images, with places for its tensors."""

    def __init__(self, bundle: Bundle, **options: str) -> None:
        self.cudart = SimulatedCudart()
        self.stream = self.cudart.cudaStreamCreateWithFlags(1)[1]
        self.runtime = SimulatedOnnxRuntime(self.cudart)
        self.runtime.for_cuda = True
        self.places = {name: self.cudart.cudaMalloc(48 * BYTES)[1] for name in ("a", "b", "out")}
        self.view("a")[:] = 1.0
        self.view("b")[:] = 2.0
        self.session = self.open(bundle, **options)

    def open(self, bundle: Bundle, **options: str) -> Any:
        path = str(bundle.file("decoder.onnx"))
        given = {"user_compute_stream": str(int(self.stream)), **options}
        return self.runtime.InferenceSession(path, None, [(CUDA, given)], enable_fallback=0)

    def view(self, name: str) -> np.ndarray:
        return self.cudart.memory.view("device", self.places[name], BYTES).view(np.float32)

    def run(self, source: str, *, batch: int = 2, **entries: str) -> None:
        binding = self.session.io_binding()
        shape = (batch, *SHAPE[1:])
        binding.bind_input("latents", "cuda", 0, np.float32, shape, self.places[source])
        size = (batch, 3, 32, 32)
        out = self.places["out"]
        binding.bind_output("reconstruction", "cuda", 0, np.float32, size, out)
        options = self.runtime.RunOptions()
        for name, value in entries.items():
            options.add_run_config_entry(name, value)
        self.session.run_with_iobinding(binding, options)


NOT_WAITING = {"disable_synchronize_execution_providers": "1"}


def test_a_run_is_done_when_somebody_waits_or_at_once(standin_bundle: Bundle) -> None:
    decoder = Decoder(standin_bundle)
    decoder.run("a", **NOT_WAITING)
    assert np.isnan(decoder.view("out")).all()
    decoder.cudart.cudaStreamSynchronize(decoder.stream)
    assert (decoder.view("out") == 1.0).all()
    decoder.run("b")
    assert (decoder.view("out") == 2.0).all()


def test_what_is_recorded_keeps_its_places_and_shapes(standin_bundle: Bundle) -> None:
    decoder = Decoder(standin_bundle, enable_cuda_graph="1")
    decoder.run("a", gpu_graph_id="2")
    decoder.view("a")[:] = 3.0
    decoder.run("a", gpu_graph_id="2")
    assert (decoder.view("out") == 3.0).all()
    decoder.run("b", gpu_graph_id="-1")
    decoder.run("a", gpu_graph_id="1", batch=1)
    assert decoder.runtime.recordings == 2
    for changed in ({"source": "b"}, {"source": "a", "batch": 1}):
        with pytest.raises(
            SimulationFault, match="recorded with other places or shapes of latents"
        ):
            decoder.run(**changed, gpu_graph_id="2")


def test_a_recording_forbids_allocations_to_threads_in_the_global_mode(
    standin_bundle: Bundle,
) -> None:
    decoder = Decoder(standin_bundle, enable_cuda_graph="1")
    modes = decoder.cudart.cudaStreamCaptureMode
    decoder.runtime.while_recording = lambda: decoder.cudart.cudaMalloc(4)
    with pytest.raises(RuntimeError, match="CUDA failure 901"):
        decoder.run("a")
    decoder.cudart.cudaThreadExchangeStreamCaptureMode(modes.cudaStreamCaptureModeThreadLocal)
    decoder.run("a")
    assert decoder.runtime.recordings == 1


def test_sessions_that_the_provider_would_refuse(standin_bundle: Bundle) -> None:
    decoder = Decoder(standin_bundle)
    with pytest.raises(RuntimeError, match="Unknown provider option"):
        decoder.open(standin_bundle, tf32="0")
    with pytest.raises(SimulationFault, match="stream of its own"):
        decoder.open(standin_bundle, user_compute_stream="0")
    with pytest.raises(RuntimeError, match="invalid device ordinal"):
        decoder.open(standin_bundle, device_id="1")
    decoder.runtime.refusal = "no kernel"
    with pytest.raises(RuntimeError, match="FAIL : no kernel"):
        decoder.open(standin_bundle)


def test_places_that_cannot_be_bound(standin_bundle: Bundle) -> None:
    decoder = Decoder(standin_bundle)
    binding = decoder.session.io_binding()
    _, pinned = decoder.cudart.cudaHostAlloc(BYTES, 0)
    with pytest.raises(SimulationFault, match="pinned memory, not device"):
        binding.bind_input("latents", "cuda", 0, np.float32, SHAPE, pinned)
    with pytest.raises(SimulationFault, match="copied at each run"):
        binding.bind_input("latents", "cpu", 0, np.float32, SHAPE, pinned)
    with pytest.raises(SimulationFault, match="another address each time"):
        binding.bind_output("reconstruction", "cuda", 0)
    with pytest.raises(RuntimeError, match="INVALID_ARGUMENT"):
        binding.bind_input("latents", "cuda", 0, np.float16, SHAPE, decoder.places["a"])
    with pytest.raises(RuntimeError, match="missing"):
        decoder.session.run_with_iobinding(binding)


def test_a_caller_s_recording_and_a_session_that_went_too_early(standin_bundle: Bundle) -> None:
    decoder = Decoder(standin_bundle)
    decoder.cudart.cudaStreamBeginCapture(decoder.stream, None)
    with pytest.raises(SimulationFault, match="aborts the process"):
        decoder.run("a")
    decoder.cudart.cudaStreamEndCapture(decoder.stream)
    decoder.run("a", **NOT_WAITING)
    decoder.session = None
    gc.collect()
    with pytest.raises(SimulationFault, match="a session is gone"):
        decoder.cudart.cudaStreamSynchronize(decoder.stream)
    assert not decoder.runtime.left_over()
