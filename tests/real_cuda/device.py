"""The device of the stand-in for TensorRT on real CUDA."""

from cuda.bindings import runtime

from tests.real_cuda.kernels import BLOCK, check, launch
from tests.simulator.tensorrt import Execution
from tests.standin import FACTOR


class RealGpu:
    """The current device; replaces the simulated one in `SimulatedTensorRt`."""

    def is_capturing(self, stream: int) -> bool:
        status = check(runtime.cudaStreamIsCapturing(stream))
        return bool(status != runtime.cudaStreamCaptureStatus.cudaStreamCaptureStatusNone)

    def execute(self, stream: int, execution: Execution) -> None:
        """Add one graph of the stand-in bundle to the stream."""
        address, size = execution.scratch
        launch("scribble", stream, _blocks(size), [address], [size])
        # the graphs' first inputs are images or latents
        name, (batch, *_, width) = next(iter(execution.shapes.items()))
        side = width // FACTOR if name == "image" else width
        elements = batch * 3 * (FACTOR * side) ** 2
        blocks = batch if execution.graph == "scorer" else _blocks(elements)
        launch(execution.graph, stream, blocks, list(execution.addresses.values()), [batch, side])


def _blocks(threads: int) -> int:
    return -(-threads // BLOCK)
