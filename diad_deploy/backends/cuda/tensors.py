"""The tensors of the stages on the GPU, allocated once for the largest batch."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from diad_deploy.backends.cuda.memory import ALIGNMENT, CudaResources
from diad_deploy.bundle.manifest import Manifest, TensorSpec
from diad_deploy.diffusion.schedule import DdimStep
from diad_deploy.diffusion.stages import GRAPH_TENSORS
from diad_deploy.errors import BackendError

_SCALARS = ("timestep", "latents_scale", "noise_scale")
SCALARS_BYTES = len(_SCALARS) * ALIGNMENT
"""Size of the scalars of a step."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DeviceTensor:
    """A tensor on the GPU: its address, shape, and type (a NumPy name)."""

    address: int
    shape: tuple[int, ...]
    dtype: str

    @property
    def size_bytes(self) -> int:
        """Size of the tensor."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


class DeviceTensors:
    """All inputs and outputs of the stages except for the scalars.

    Latents alternate between `latents` and `next_latents`. Batches of all sizes share the same
    memory, since only one is computed at a time.

    Args:
        manifest: describes the tensors.
        largest_batch: largest number of images per batch.
        resources: owns the memory.

    Raises:
        CudaError: there is not enough memory.
    """

    def __init__(self, manifest: Manifest, largest_batch: int, resources: CudaResources) -> None:
        self._specs = tensor_specs(manifest)
        self._largest = largest_batch
        self._addresses = {
            name: resources.device(tensor_bytes(spec, largest_batch), name)
            for name, spec in self._specs.items()
        }

    def tensor(self, name: str, batch: int) -> DeviceTensor:
        """The tensor `name` for a batch of `batch` images."""
        spec = self._specs[name]
        return DeviceTensor(
            address=self._addresses[name], shape=_shape(spec, batch), dtype=spec.dtype
        )


class StepScalars:
    """The denoiser's three scalars for every step, in GPU memory.

    A CUDA graph contains addresses, so each step has its own.

    Args:
        steps: the steps of the loop.
        resources: owns the memory.

    Attributes:
        address: start of the memory for `values`.
        values: float32 `[steps, 3, ALIGNMENT / 4]`; the caller copies them to `address`.

    Raises:
        CudaError: there is not enough memory.
    """

    def __init__(self, steps: Iterable[DdimStep], resources: CudaResources) -> None:
        self._places = {step: place for place, step in enumerate(steps)}
        self.values = np.zeros((len(self._places), len(_SCALARS), ALIGNMENT // 4), dtype=np.float32)
        for step, place in self._places.items():
            self.values[place, :, 0] = [getattr(step, name) for name in _SCALARS]
        self.address = resources.device(self.values.nbytes, "the steps' scalars")

    def tensors(self, step: DdimStep) -> list[DeviceTensor]:
        """Timestep, latents scale and noise scale of a step: float32 `[1]` each.

        Raises:
            BackendError: the step is not one of `steps`.
        """
        if step not in self._places:
            raise BackendError(
                f"timestep {step.timestep}: expected a step of the bundle's schedule; build a "
                f"bundle with other --steps"
            )
        return scalar_tensors(self.address + self._places[step] * SCALARS_BYTES)


def scalar_tensors(address: int) -> list[DeviceTensor]:
    """The three scalars of a step at `address`: float32 `[1]` each."""
    addresses = (address + place * ALIGNMENT for place in range(len(_SCALARS)))
    return [DeviceTensor(address=place, shape=(1,), dtype="float32") for place in addresses]


def tensor_specs(manifest: Manifest) -> dict[str, TensorSpec]:
    """The inputs and outputs of the graphs by name, except for the scalars."""
    specs: dict[str, TensorSpec] = {}
    for name in GRAPH_TENSORS:
        graph = manifest.graph(name)
        specs |= {tensor.name: tensor for tensor in (*graph.inputs, *graph.outputs)}
    return {name: spec for name, spec in specs.items() if name not in _SCALARS}


def tensor_bytes(spec: TensorSpec, batch: int) -> int:
    """Size of a tensor for a batch of `batch` images."""
    return math.prod(_shape(spec, batch)) * np.dtype(spec.dtype).itemsize


def _shape(spec: TensorSpec, batch: int) -> tuple[int, ...]:
    return tuple(size if isinstance(size, int) else batch for size in spec.shape)
