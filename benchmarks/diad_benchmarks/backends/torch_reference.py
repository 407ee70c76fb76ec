"""The PyTorch reference on one device and in one precision."""

from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor

from diad_benchmarks.backends.backend import Outcome, Runner, Subject
from diad_benchmarks.measure.stage_clock import (
    CudaClock,
    HostClock,
    StageClock,
    marking,
    reference_stage,
)
from diad_deploy.arrays import ImageArray
from diad_deploy.bundle.folder import Bundle
from diad_deploy.bundle.manifest import Manifest, Spacing
from diad_deploy.diffusion.schedule import make_schedule
from diad_deploy.errors import BackendError
from diad_export.checkpoint.pretrained_features import complete_features
from diad_export.checkpoint.read import read_checkpoint
from diad_export.checkpoint.weights import load_model
from diad_export.model.autoencoder import decode_latents
from diad_export.model.diad import DiadModel
from diad_export.model.reference import (
    PUBLISHED_GUIDANCE_SCALE,
    ReferenceOptions,
    run_reference,
)


def load_subject(subject: Subject) -> DiadModel:
    """The checkpoint's model on the CPU, in float32.

    Raises:
        CheckpointError: the checkpoint cannot be read.
        OptionError: the subject has none.
    """
    path = subject.checkpoint_path()
    if subject.threads is not None:
        torch.set_num_threads(subject.threads)
    checkpoint, _ = complete_features(read_checkpoint(path))
    return load_model(checkpoint)


class TorchReference(Runner):
    """The reference, with or without the unnecessary work of the published test.

    Args:
        as_published: run guidance, and decode the un-noised latents into an image that is not
            scored. The text model is left out on both sides.
        detail: a description of what runs, besides PyTorch's version.
    """

    def __init__(
        self,
        model: DiadModel,
        subject: Subject,
        *,
        device: str,
        dtype: torch.dtype = torch.float32,
        as_published: bool = False,
        detail: str = "eager",
    ) -> None:
        bundle = Bundle.open(subject.bundle, verify=False)
        super().__init__(bundle)
        self.device = device
        self.precision = str(dtype).removeprefix("torch.")
        _disable_tf32()
        parts = [f"torch {version('torch')}", detail]
        if device == "cpu":
            parts.append(f"{torch.get_num_threads()} threads")
        elif dtype == torch.float32:
            parts.append("TF32 off")
        self.detail = ", ".join(parts)
        self.disk_bytes = files_bytes(subject.checkpoint_path())
        self._model = model.to(device=device, dtype=dtype)
        self._dtype = dtype
        self._as_published = as_published
        guidance = PUBLISHED_GUIDANCE_SCALE if as_published else None
        self._options = replace(_options(bundle.manifest), guidance_scale=guidance)

    def start_clock(self) -> StageClock:
        """See `Runner`."""
        if self.device == "cuda":
            torch.cuda.synchronize()
            return CudaClock(torch)
        return HostClock()

    @torch.no_grad()
    def run(self, images: list[ImageArray], clock: StageClock) -> Outcome:
        """See `Runner`."""
        image, noise, posterior_noise = (
            torch.from_numpy(array).to(device=self.device, dtype=self._dtype)
            for array in self._prepare(images)
        )
        clock.mark("prepare")
        encoded: list[Tensor] = []
        mark = marking(clock, reference_stage)

        def observe(name: str, value: Tensor) -> None:
            if name == "latents_encoded":
                encoded.append(value)
            mark(name, value)

        try:
            found = run_reference(
                self._model, image, noise, posterior_noise, self._options, observe=observe
            )
            if self._as_published:
                decode_latents(self._model.autoencoder, encoded[0])
                clock.mark("decode again")
        except RuntimeError as error:
            reason = str(error).partition("\n")[0]
            raise BackendError(f"PyTorch failed on {len(images)} images: {reason}") from error
        return Outcome(
            maps=found.anomaly_map.float().cpu().numpy(),
            scores=found.image_score.float().cpu().numpy(),
        )

    def set_schedule(self, steps: int, spacing: Spacing) -> None:
        """See `Runner`."""
        self._options = replace(self._options, schedule=make_schedule(steps, spacing))


def _options(manifest: Manifest) -> ReferenceOptions:
    return ReferenceOptions(
        schedule=manifest.schedule,
        only_mid_control=manifest.only_mid_control,
        sigma_px=manifest.fusion.sigma_px,
        pool_size_px=manifest.fusion.pool_size_px,
        pool_count=manifest.fusion.pool_count,
    )


def _disable_tf32() -> None:
    # by the older names: once the newer ones are set, PyTorch refuses to read these, and its own
    # exporter reads them
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


def files_bytes(path: Path) -> int:
    """Size of a file, or of all files in a folder."""
    files = [path] if path.is_file() else [part for part in path.rglob("*") if part.is_file()]
    return sum(part.stat().st_size for part in files)
