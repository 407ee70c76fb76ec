"""The calibration images of a float16 build, and the inputs of each graph when they run."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from diad_deploy.arrays import FloatArray
from diad_deploy.bundle.folder import builtin_images
from diad_deploy.bundle.manifest import ImageSpec, ScheduleSpec
from diad_deploy.diffusion.schedule import ddim_steps
from diad_deploy.errors import InputError
from diad_deploy.images.discover import find_images
from diad_deploy.images.options import ImageOptions
from diad_deploy.images.preprocess import prepare_batch
from diad_deploy.images.reader import ImageReader
from diad_export.precision.ranges import Inputs

MAX_IMAGES = 32
MAX_BUILTIN = 9
"""At the published size an image takes 15 seconds on two cores."""

BATCH = 3

Run = Callable[[Inputs], tuple[FloatArray, ...]]
"""Runs a graph: its inputs by name -> its outputs in order."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CalibrationImages:
    """Model input `[N, 3, S, S]`, where the images came from, and the warnings of the reader."""

    source: str
    images: FloatArray
    warnings: tuple[str, ...] = ()


def read_calibration(
    folder: Path | None, image: ImageSpec, reading: ImageOptions | None = None
) -> CalibrationImages:
    """Read up to `MAX_IMAGES` images spread over `folder`, or the built-in ones where it is None.

    Raises:
        InputError: there is no such folder, or it holds no image.
        ImageError: an image cannot be read.
    """
    if folder is not None and not folder.is_dir():
        raise InputError(
            f"--calibration {folder}: expected a folder of good images, found "
            f"{'a file' if folder.exists() else 'nothing'}"
        )
    files = find_images([folder or builtin_images()])
    most = MAX_IMAGES if folder else MAX_BUILTIN
    reader = ImageReader.with_options(reading or ImageOptions())
    chosen = np.unique(np.linspace(0, len(files) - 1, most).round().astype(int))
    return CalibrationImages(
        source=folder.resolve().name if folder else "built-in images",
        images=prepare_batch([reader.read(files[index].path).pixels for index in chosen], image),
        warnings=reader.warnings(),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TracedRun:
    """One run of a graph: its inputs by name and its outputs in order."""

    inputs: Inputs
    outputs: tuple[FloatArray, ...]


class Calibration:
    """Runs the calibration images through the four graphs, one graph after the other.

    Each graph runs on all images before the next one, so that only one is in memory.

    Args:
        source: the images.
        noise, posterior_noise: the bundle's, each `[C, h, w]`.
        schedule: the DDIM steps.
    """

    def __init__(
        self,
        source: CalibrationImages,
        noise: FloatArray,
        posterior_noise: FloatArray,
        schedule: ScheduleSpec,
    ) -> None:
        self.source = source
        self._noise, self._posterior_noise = noise, posterior_noise
        self._steps = ddim_steps(schedule)
        images = source.images
        self._images = [images[start : start + BATCH] for start in range(0, len(images), BATCH)]
        self._latents: list[FloatArray] = []
        self._hints: list[FloatArray] = []
        self._reconstructions: list[FloatArray] = []

    def run_graph(self, name: str, run: Run) -> list[TracedRun]:
        """Run a graph on the outputs of the graphs before it.

        Call it for all graphs in the order encoder, denoiser, decoder, scorer.

        Args:
            name: of the graph.
            run: runs it.
        """
        runs = {
            "encoder": self._encode,
            "denoiser": self._denoise,
            "decoder": self._decode,
            "scorer": self._score,
        }
        return list(runs[name](run))

    def _encode(self, run: Run) -> Iterator[TracedRun]:
        for images in self._images:
            inputs = {
                "image": images,
                "noise": np.repeat(self._noise[None], len(images), axis=0),
                "posterior_noise": np.repeat(self._posterior_noise[None], len(images), axis=0),
            }
            latents, hint = outputs = run(inputs)
            self._latents.append(latents)
            self._hints.append(hint)
            yield TracedRun(inputs=inputs, outputs=outputs)

    def _denoise(self, run: Run) -> Iterator[TracedRun]:
        for index, hint in enumerate(self._hints):
            for step in self._steps:
                inputs = {
                    "latents": self._latents[index],
                    "hint": hint,
                    "timestep": np.array([step.timestep], dtype=np.float32),
                    "latents_scale": np.array([step.latents_scale], dtype=np.float32),
                    "noise_scale": np.array([step.noise_scale], dtype=np.float32),
                }
                outputs = run(inputs)
                [self._latents[index]] = outputs
                yield TracedRun(inputs=inputs, outputs=outputs)

    def _decode(self, run: Run) -> Iterator[TracedRun]:
        for latents in self._latents:
            outputs = run({"latents": latents})
            self._reconstructions += outputs
            yield TracedRun(inputs={"latents": latents}, outputs=outputs)

    def _score(self, run: Run) -> Iterator[TracedRun]:
        for images, reconstruction in zip(self._images, self._reconstructions, strict=True):
            inputs = {"image": images, "reconstruction": reconstruction}
            yield TracedRun(inputs=inputs, outputs=run(inputs))
