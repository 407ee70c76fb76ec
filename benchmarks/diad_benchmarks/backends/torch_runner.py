"""What the PyTorch ways share: the reference's path on one device and in one precision."""

from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from diad_benchmarks.backends.backend import Outcome, Subject
from diad_benchmarks.measure.stage_clock import CudaClock, HostClock, StageClock, reference_stage
from diad_deploy.arrays import ImageArray
from diad_deploy.bundle.folder import Bundle
from diad_deploy.bundle.manifest import Manifest, Spacing
from diad_deploy.diffusion.schedule import make_schedule
from diad_deploy.errors import BackendError, OptionError
from diad_deploy.images.preprocess import prepare_batch
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
        CheckpointError: it cannot be read.
    """
    if subject.threads is not None:
        torch.set_num_threads(subject.threads)
    checkpoint, _ = complete_features(read_checkpoint(Path(subject.checkpoint)))
    return load_model(checkpoint)


class TorchRunner:
    """The reference with or without what the published test does for nothing.

    Args:
        as_published: with guidance, and with the un-noised latents decoded for an image that
            nobody scores; the text model is left out on both sides.
        detail: what runs, beside PyTorch's version.
    """

    clocks_stages = True

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
        bundle = Bundle.open(subject.bundle_path, verify=False)
        self.device = device
        self.precision = str(dtype).removeprefix("torch.")
        _forbid_tf32()
        parts = [f"torch {version('torch')}", detail]
        if device == "cpu":
            parts.append(f"{torch.get_num_threads()} threads")
        elif dtype == torch.float32:
            parts.append("TF32 off")
        self.detail = ", ".join(parts)
        self.disk_bytes = files_bytes(Path(subject.checkpoint))
        self._model = model.to(device=device, dtype=dtype)
        self._dtype = dtype
        self._as_published = as_published
        self._image = bundle.manifest.image
        self._noises = bundle.noise()
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
        batch = prepare_batch(images, self._image)
        noises = [np.repeat(noise[np.newaxis], len(batch), axis=0) for noise in self._noises]
        image, noise, posterior_noise = (
            torch.from_numpy(array).to(device=self.device, dtype=self._dtype)
            for array in (batch, *noises)
        )
        clock.mark("prepare")
        encoded: list[Tensor] = []

        def observe(name: str, value: Tensor) -> None:
            if name == "latents_encoded":
                encoded.append(value)
            stage = reference_stage(name)
            if stage is not None:
                clock.mark(stage)

        try:
            found = run_reference(
                self._model, image, noise, posterior_noise, self._options, observe=observe
            )
            if self._as_published:
                decode_latents(self._model.autoencoder, encoded[0])
                clock.mark("decode again")
        except RuntimeError as error:
            reason = str(error).partition("\n")[0]
            raise BackendError(f"PyTorch failed on {len(batch)} images: {reason}") from error
        return Outcome(
            maps=found.anomaly_map.float().cpu().numpy(),
            scores=found.image_score.float().cpu().numpy(),
        )

    def set_schedule(self, steps: int, spacing: Spacing) -> None:
        """See `Runner`."""
        self._options = replace(self._options, schedule=make_schedule(steps, spacing))

    def close(self) -> None:
        """See `Runner`."""
        if not hasattr(self, "_model"):
            raise OptionError("the model is closed already")
        del self._model


def _options(manifest: Manifest) -> ReferenceOptions:
    return ReferenceOptions(
        schedule=manifest.schedule,
        only_mid_control=manifest.only_mid_control,
        sigma_px=manifest.fusion.sigma_px,
        pool_size_px=manifest.fusion.pool_size_px,
        pool_count=manifest.fusion.pool_count,
    )


def _forbid_tf32() -> None:
    """Have a GPU multiply float32 as such, in products and in convolutions."""
    # by the older names: once the newer ones are set, PyTorch refuses to read these, and its own
    # exporter does
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


def files_bytes(path: Path) -> int:
    """Size of a file, or of all files in a folder."""
    files = [path] if path.is_file() else [part for part in path.rglob("*") if part.is_file()]
    return sum(part.stat().st_size for part in files)
