"""A detector that does almost nothing, where a test is about what happens around the model."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import numpy as np
from PIL import Image

from diad_deploy.arrays import FloatArray, ImageArray
from diad_deploy.bundle.manifest import (
    FORMAT_REVISION,
    CheckpointOrigin,
    FusionLayer,
    FusionSpec,
    HeatmapSpec,
    ImageSpec,
    LatentsSpec,
    Manifest,
    NoiseSpec,
)
from diad_deploy.detection import Detection
from diad_deploy.detection.batch import Found
from diad_deploy.diffusion.schedule import make_schedule
from diad_deploy.images.reader import ImageReader

IMAGE = ImageSpec(size_px=64, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


def fake_manifest(*, seed: int = 0) -> Manifest:
    return Manifest(
        format_revision=FORMAT_REVISION,
        checkpoint=CheckpointOrigin(name="fake.safetensors", sha256="0" * 64, size_bytes=1),
        image=IMAGE,
        latents=LatentsSpec(channels=4, factor=8, scale=0.18215),
        schedule=make_schedule(10),
        noise=NoiseSpec(
            seed=seed, posterior="mode", noise_file="noise.npy", posterior_noise_file="none.npy"
        ),
        fusion=FusionSpec(
            layers=(FusionLayer(name="layer1", channels=8, side=16),),
            sigma_px=1.0,
            truncate_sigmas=4.0,
            pool_size_px=2,
            pool_count=1,
        ),
        heatmap=HeatmapSpec(low=0.0, high=1.0),
        only_mid_control=True,
        graphs=(),
        files=(),
        parity=(),
    )


class FakeDetector:
    """The score is the image's mean red, the map its red, both of 0 to 1."""

    backend = "fake"
    backend_reason = "for tests"
    devices = ("cpu",)
    max_pending = 1

    def __init__(
        self,
        *,
        batch_size: int = 4,
        seconds_per_image: float = 0.0,
        before: Callable[[int], None] | None = None,
        seed: int = 0,
    ) -> None:
        self.batch_size = batch_size
        self.manifest = fake_manifest(seed=seed)
        self.batches: list[int] = []
        self.reader = ImageReader()
        self._seconds = seconds_per_image
        self._before = before

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @property
    def seen(self) -> int:
        return sum(self.batches)

    def submit_each(
        self, batch: FloatArray, image_sizes: Sequence[tuple[int, int]]
    ) -> Callable[[], list[Found]]:
        if self._before is not None:
            self._before(len(self.batches))
        self.batches.append(len(batch))
        time.sleep(self._seconds * len(batch))
        red = batch[:, 0] * IMAGE.std[0] + IMAGE.mean[0]
        found: list[Found] = [
            Detection(
                score=float(red[place].mean()),
                anomaly_map=red[place].astype(np.float32),
                reconstruction=batch[place],
                image_size_px=size,
                image=IMAGE,
            )
            for place, size in enumerate(image_sizes)
        ]
        return lambda: found


def plain(red: int, width: int = 24, height: int = 16) -> ImageArray:
    image = np.full((height, width, 3), 40, dtype=np.uint8)
    image[:, :, 0] = red
    return image


def write_image(path: Path, red: int = 100, width: int = 24, height: int = 16) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(plain(red, width, height)).save(path)
    return path


def write_images(folder: Path, count: int) -> list[Path]:
    """Images 000.png, 001.png ... whose scores all differ and do not grow with the number."""
    return [write_image(folder / f"{n:03}.png", red=(n * 37) % 251) for n in range(count)]
