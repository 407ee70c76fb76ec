"""The seconds of each stage of one run."""

import re
import time
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, Protocol


class StageClock(Protocol):
    """Records when stages end, and returns their seconds after the run."""

    def mark(self, stage: str) -> None:
        """Record that `stage` ends now; times of a stage that is marked twice are added."""

    def seconds(self) -> dict[str, float]:
        """Seconds of each stage, in the order in which they first ended."""


class HostClock:
    """The host's clock, for synchronous calls."""

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self._now = now
        self._last = now()
        self._seconds: dict[str, float] = {}

    def mark(self, stage: str) -> None:
        """See `StageClock`."""
        now = self._now()
        self._seconds[stage] = self._seconds.get(stage, 0.0) + now - self._last
        self._last = now

    def seconds(self) -> dict[str, float]:
        """See `StageClock`."""
        return dict(self._seconds)


class CudaClock:
    """CUDA events on PyTorch's current stream, which do not block."""

    def __init__(self, torch: Any) -> None:
        self._torch = torch
        self._events: list[tuple[str, Any]] = []
        self.mark("")

    def mark(self, stage: str) -> None:
        """See `StageClock`."""
        event = self._torch.cuda.Event(enable_timing=True)
        event.record()
        self._events.append((stage, event))

    def seconds(self) -> dict[str, float]:
        """See `StageClock`; waits for the GPU."""
        self._torch.cuda.synchronize()
        found: dict[str, float] = {}
        for (_, before), (stage, event) in pairwise(self._events):
            found[stage] = found.get(stage, 0.0) + 1e-3 * before.elapsed_time(event)
        return found


def marking(clock: StageClock, stage_of: Callable[[str], str | None]) -> Callable[[str, Any], None]:
    """An observer of tensors that marks the stage that ends with each of them."""

    def observe(name: str, tensor: object) -> None:
        del tensor
        stage = stage_of(name)
        if stage is not None:
            clock.mark(stage)

    return observe


_STEP_DONE = re.compile(r"latents_(\d+)")
_PREDICTED = re.compile(r"step(\d+)_eps")


def pipeline_stage(name: str) -> str | None:
    """The stage that ends when `diffusion.pipeline.run` passes tensor `name`; None if none does."""
    if name == "latents_0":
        return "encode"
    step = _STEP_DONE.fullmatch(name)
    if step is not None:
        return f"step {step.group(1)}"
    return {"reconstruction": "decode", "image_score": "score"}.get(name)


def reference_stage(name: str) -> str | None:
    """The same for `diad_export.model.reference.run_reference`.

    A step ends with its predicted noise; its update of the latents counts to the next stage.
    """
    predicted = _PREDICTED.fullmatch(name)
    if predicted is not None:
        return f"step {int(predicted.group(1)) + 1}"
    known: Mapping[str, str] = {
        "latents_start": "encode",
        "reconstruction": "decode",
        "image_score": "score",
    }
    return known.get(name)
