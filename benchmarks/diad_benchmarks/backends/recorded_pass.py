"""PyTorch in float16, one CUDA graph per batch size: the fastest hand-written variant.

It runs `lean_pass.py` on static inputs with pinned copies. The faster memory format of the
convolutions' weights is measured when it is opened.
"""

import time
from dataclasses import dataclass
from importlib.metadata import version

import torch
from torch import Tensor

from diad_benchmarks.backends.backend import Outcome, Runner, Subject
from diad_benchmarks.backends.lean_pass import LeanPass
from diad_benchmarks.backends.torch_reference import files_bytes, load_subject
from diad_benchmarks.measure.stage_clock import StageClock
from diad_deploy.arrays import ImageArray
from diad_deploy.bundle.folder import Bundle
from diad_deploy.diffusion.noise import broadcast_noise
from diad_deploy.errors import BackendError

WARM_UPS = 3
TIMED_REPLAYS = 5
LAYOUTS = {"NCHW": torch.contiguous_format, "NHWC": torch.channels_last}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recording:
    """A CUDA graph, the tensors it reads and writes, and pinned memory for input and output.

    `noises` are kept because the graph reads them at their addresses.
    """

    graph: torch.cuda.CUDAGraph
    image: Tensor
    noises: tuple[Tensor, ...]
    found: tuple[Tensor, Tensor]
    pinned_image: Tensor
    pinned_found: tuple[Tensor, Tensor]

    def replay(self) -> None:
        """Run the graph and wait for its result in pinned memory."""
        self.image.copy_(self.pinned_image, non_blocking=True)
        self.graph.replay()
        for pinned, tensor in zip(self.pinned_found, self.found, strict=True):
            pinned.copy_(tensor, non_blocking=True)
        torch.cuda.current_stream().synchronize()


class RecordedPass(Runner):
    """Runs the model as a whole: only two stages can be timed, preparing and the model.

    Args:
        compiled: whether `torch.compile` makes the kernels.
    """

    device = "cuda"
    precision = "float16"

    def __init__(self, subject: Subject, *, compiled: bool = False) -> None:
        bundle = Bundle.open(subject.bundle, verify=False)
        super().__init__(bundle)
        self.disk_bytes = files_bytes(subject.checkpoint_path())
        self._recordings: dict[int, Recording] = {}
        self._pool = torch.cuda.graph_pool_handle()
        # search for the fastest convolution of each shape during warm-up
        torch.backends.cudnn.benchmark = True
        try:
            self._pass = LeanPass(
                load_subject(subject), bundle.manifest, device="cuda", dtype=torch.float16
            )
            if compiled:
                self._pass.compile()
            # the compiler chooses the layout of weights itself
            layout = None if compiled else self._choose_layout()
        except RuntimeError as error:
            raise BackendError(f"PyTorch cannot record the model: {first_lines(error)}") from error
        kernels = "torch.compile" if compiled else f"{layout} convolutions"
        self.detail = f"torch {version('torch')}, {kernels}, one CUDA graph per batch size"

    def run(self, images: list[ImageArray], clock: StageClock) -> Outcome:
        """See `Runner`; a new batch size is recorded first."""
        batch, _, _ = self._prepare(images)
        clock.mark("prepare")
        try:
            recording = self._recordings.get(len(batch)) or self._record(len(batch))
            recording.pinned_image.numpy()[:] = batch
            recording.replay()
        except RuntimeError as error:
            raise BackendError(
                f"PyTorch failed on {len(batch)} images: {first_lines(error)}"
            ) from error
        anomaly_map, score = (pinned.numpy().copy() for pinned in recording.pinned_found)
        clock.mark("model")
        return Outcome(maps=anomaly_map, scores=score)

    def close(self) -> None:
        """See `Runner`."""
        self._recordings.clear()

    def _record(self, batch: int) -> Recording:
        side = self._image.size_px
        image = torch.zeros(batch, 3, side, side, device="cuda")
        noises = tuple(
            torch.from_numpy(broadcast_noise(noise, batch)).to("cuda") for noise in self._noises
        )
        side_stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side_stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side_stream):
            for _ in range(WARM_UPS):
                self._pass.run(image, *noises)
        torch.cuda.current_stream().wait_stream(side_stream)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        # batch sizes run one at a time and keep nothing on the GPU, so they can share memory
        with torch.cuda.graph(graph, pool=self._pool):
            found = self._pass.run(image, *noises)
        recording = Recording(
            graph=graph,
            image=image,
            noises=noises,
            found=found,
            pinned_image=_pinned_like(image),
            pinned_found=(_pinned_like(found[0]), _pinned_like(found[1])),
        )
        self._recordings[batch] = recording
        return recording

    def _choose_layout(self) -> str:
        """Use the layout that is faster for one image, and return its name."""
        seconds = {}
        for name, memory_format in LAYOUTS.items():
            self._pass.lay_out(memory_format)
            seconds[name] = self._seconds_of(self._record(1))
            # it reads the weights at their current addresses
            self._recordings.clear()
            self._pool = torch.cuda.graph_pool_handle()
            torch.cuda.empty_cache()
        fastest = min(seconds, key=lambda name: seconds[name])
        self._pass.lay_out(LAYOUTS[fastest])
        return fastest

    def _seconds_of(self, recording: Recording) -> float:
        recording.replay()
        start = time.perf_counter()
        for _ in range(TIMED_REPLAYS):
            recording.replay()
        return time.perf_counter() - start


def first_lines(error: BaseException) -> str:
    """The first two lines of the message, joined: a compiler's first line is only its name."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2])[:300] or type(error).__name__


def _pinned_like(tensor: Tensor) -> Tensor:
    return torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
