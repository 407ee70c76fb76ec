"""Where the stages' tensors lie on the GPU: made once, for the largest batch."""

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
"""What one step's scalars take."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DeviceTensor:
    """Memory on the GPU: its address, and the sizes and type (a NumPy name) of what lies there."""

    address: int
    shape: tuple[int, ...]
    dtype: str

    @property
    def size_bytes(self) -> int:
        """Of what lies there."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


class DeviceTensors:
    """Every tensor that goes between the stages, but for the scalars.

    Latents go back and forth between `latents` and `next_latents`. Batches of all sizes lie in
    the same memory, as one is worked on at a time.

    Args:
        manifest: the graphs' tensors.
        largest_batch: most images a batch.
        resources: own the memory.

    Raises:
        CudaError: there is too little memory.
    """

    def __init__(self, manifest: Manifest, largest_batch: int, resources: CudaResources) -> None:
        self._specs = tensor_specs(manifest)
        self._largest = largest_batch
        self._addresses = {
            name: resources.device(tensor_bytes(spec, largest_batch), name)
            for name, spec in self._specs.items()
        }

    def tensor(self, name: str, batch: int) -> DeviceTensor:
        """The tensor called `name` for a batch of so many images."""
        spec = self._specs[name]
        return DeviceTensor(
            address=self._addresses[name], shape=_shape(spec, batch), dtype=spec.dtype
        )


class StepScalars:
    """The denoiser's three scalars for every step, on the GPU from the beginning.

    A recording has addresses in it, so each step has its own place.

    Args:
        steps: all steps that will be asked for.
        resources: own the memory.

    Attributes:
        address: of all places together, where `values` belong.
        values: float32 `[steps, 3, ALIGNMENT / 4]`; the caller writes them to `address`.

    Raises:
        CudaError: there is too little memory.
    """

    def __init__(self, steps: Iterable[DdimStep], resources: CudaResources) -> None:
        self._places = {step: place for place, step in enumerate(steps)}
        self.values = np.zeros((len(self._places), len(_SCALARS), ALIGNMENT // 4), dtype=np.float32)
        for step, place in self._places.items():
            self.values[place, :, 0] = [getattr(step, name) for name in _SCALARS]
        self.address = resources.device(self.values.nbytes, "the steps' scalars")

    def tensors(self, step: DdimStep) -> list[DeviceTensor]:
        """Timestep, latents' scale and noise's scale: each float32 `[1]`, one after the other.

        Raises:
            BackendError: the step is none of those given.
        """
        if step not in self._places:
            raise BackendError(
                f"timestep {step.timestep}: expected a step of the bundle's schedule; build a "
                f"bundle with other --steps"
            )
        return scalar_tensors(self.address + self._places[step] * SCALARS_BYTES)


def scalar_tensors(address: int) -> list[DeviceTensor]:
    """A step's three scalars, float32 `[1]` each, which lie from `address` on."""
    addresses = (address + place * ALIGNMENT for place in range(len(_SCALARS)))
    return [DeviceTensor(address=place, shape=(1,), dtype="float32") for place in addresses]


def tensor_specs(manifest: Manifest) -> dict[str, TensorSpec]:
    """The graphs' tensors by name, but for the scalars."""
    specs: dict[str, TensorSpec] = {}
    for name in GRAPH_TENSORS:
        graph = manifest.graph(name)
        specs |= {tensor.name: tensor for tensor in (*graph.inputs, *graph.outputs)}
    return {name: spec for name, spec in specs.items() if name not in _SCALARS}


def tensor_bytes(spec: TensorSpec, batch: int) -> int:
    """What one tensor takes for a batch of so many images."""
    return math.prod(_shape(spec, batch)) * np.dtype(spec.dtype).itemsize


def _shape(spec: TensorSpec, batch: int) -> tuple[int, ...]:
    return tuple(size if isinstance(size, int) else batch for size in spec.shape)
