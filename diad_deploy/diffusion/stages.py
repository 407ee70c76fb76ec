"""The interfaces between the pipeline and the backends that run the four graphs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from diad_deploy.arrays import FloatArray
from diad_deploy.bundle.manifest import Manifest, TensorSpec
from diad_deploy.diffusion.schedule import DdimStep
from diad_deploy.errors import BundleDamagedError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

GRAPH_TENSORS = {
    "encoder": (("image", "noise", "posterior_noise"), ("latents", "hint")),
    "denoiser": (
        ("latents", "hint", "timestep", "latents_scale", "noise_scale"),
        ("next_latents",),
    ),
    "decoder": (("latents",), ("reconstruction",)),
    "scorer": (("image", "reconstruction"), ("anomaly_map", "image_score")),
}
"""Names of each graph's inputs and outputs, in order."""


class Stages(Protocol[T]):
    """The four graphs, on the backend's own tensors `T` (arrays, or memory on a device)."""

    def encode(self, image: T, noise: T, posterior_noise: T) -> tuple[T, T]:
        """Image `[B, 3, S, S]` and two noises `[B, C, h, w]` -> latents `[B, C, h, w]`, hint."""
        ...

    def denoise(self, latents: T, hint: T, step: DdimStep) -> T:
        """One DDIM step: latents `[B, C, h, w]` -> the next latents `[B, C, h, w]`."""
        ...

    def decode(self, latents: T) -> T:
        """Latents `[B, C, h, w]` -> reconstruction `[B, 3, S, S]`."""
        ...

    def score(self, image: T, reconstruction: T) -> tuple[T, T]:
        """Two images `[B, 3, S, S]` -> anomaly map `[B, S, S]` and image score `[B]`."""
        ...

    def close(self) -> None:
        """Release the model's memory. Can be called more than once."""
        ...


class Outputs(Protocol[T_co]):
    """The outputs of a pipeline (`diad_deploy.diffusion.pipeline.PipelineResult`)."""

    @property
    def anomaly_map(self) -> T_co:
        """`[B, S, S]`."""

    @property
    def image_score(self) -> T_co:
        """`[B]`."""

    @property
    def reconstruction(self) -> T_co:
        """`[B, 3, S, S]`."""


class Pipeline(Protocol):
    """A pass through the stages, as made by `diad_deploy.diffusion.pipeline.make_pipeline`."""

    def __call__(self, stages: Stages[T], image: T, noise: T, posterior_noise: T, /) -> Outputs[T]:
        """Run the stages on a batch."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BatchResult:
    """The outputs of a model for one batch, in host memory.

    Attributes:
        anomaly_map: float32 `[B, S, S]`.
        image_score: float32 `[B]`.
        reconstruction: float32 `[B, 3, S, S]`, normalised as the input is.
    """

    anomaly_map: FloatArray
    image_score: FloatArray
    reconstruction: FloatArray


Collect = Callable[[], BatchResult]
"""Waits for a batch and returns its result.

Can be called more than once, from any thread, and while other threads call the model.
"""


class Model(Protocol):
    """A loaded model.

    Only one thread may call `submit` at a time; `close` may be called meanwhile.
    """

    @property
    def max_pending(self) -> int:
        """Number of batches that can be pending; 1 if `submit` does all the work."""

    def submit(self, image: FloatArray, noise: FloatArray, posterior_noise: FloatArray) -> Collect:
        """Begin a batch: image `[B, 3, S, S]`, noises `[B, C, h, w]`, copied before it returns.

        Raises:
            BackendError: the model is closed, or failed.
        """
        ...

    def close(self) -> None:
        """Release the model's memory once running work is done. Can be called more than once."""
        ...


def check_graphs(manifest: Manifest) -> None:
    """Check that the manifest's graphs have the inputs and outputs of the pipeline.

    Raises:
        BundleDamagedError: names or shapes differ; lists all of them.
    """
    faults = list(_faults(manifest))
    if faults:
        raise BundleDamagedError(
            f"the manifest's graphs do not fit the pipeline: {'; '.join(faults)}; rebuild the "
            f"bundle"
        )


def _faults(manifest: Manifest) -> Iterator[str]:
    shapes = _expected_shapes(manifest)
    for name, (inputs, outputs) in GRAPH_TENSORS.items():
        graph = manifest.graph(name)
        for side, expected, specs in (
            ("inputs", inputs, graph.inputs),
            ("outputs", outputs, graph.outputs),
        ):
            found = tuple(spec.name for spec in specs)
            if found != expected:
                yield f"{name} {side}: expected {', '.join(expected)}, found {', '.join(found)}"
                continue
            yield from (
                f"{name} {spec.name}: expected {_format_shape(shapes[spec.name])}, "
                f"found {_format_shape(spec.shape)}"
                for spec in specs
                if not _matches(spec, shapes[spec.name])
            )


def _expected_shapes(manifest: Manifest) -> dict[str, tuple[int | None, ...]]:
    """Shapes by tensor name; None matches any size (the batch, and the hint's channels)."""
    side = manifest.image.size_px
    small = side // manifest.latents.factor
    image = (None, 3, side, side)
    latents = (None, manifest.latents.channels, small, small)
    return {
        "image": image,
        "noise": latents,
        "posterior_noise": latents,
        "latents": latents,
        "hint": (None, None, small, small),
        "timestep": (1,),
        "latents_scale": (1,),
        "noise_scale": (1,),
        "next_latents": latents,
        "reconstruction": image,
        "anomaly_map": (None, side, side),
        "image_score": (None,),
    }


def _matches(spec: TensorSpec, shape: tuple[int | None, ...]) -> bool:
    if len(spec.shape) != len(shape):
        return False
    pairs = zip(spec.shape, shape, strict=True)
    return all(expected is None or found == expected for found, expected in pairs)


def _format_shape(shape: tuple[int | str | None, ...]) -> str:
    return "[" + ", ".join("any" if size is None else str(size) for size in shape) + "]"
