"""The fixed memory and streams of a model on a GPU, allocated when it opens."""

from dataclasses import dataclass

from diad_deploy.backends.cuda.calls import Cuda
from diad_deploy.backends.cuda.memory import CudaResources
from diad_deploy.backends.cuda.pinned_copies import write_array
from diad_deploy.backends.cuda.tensors import (
    DeviceTensor,
    DeviceTensors,
    StepScalars,
    tensor_bytes,
    tensor_specs,
)
from diad_deploy.backends.cuda.transfers import INPUTS, Streams, slot_bytes
from diad_deploy.bundle.manifest import Manifest
from diad_deploy.diffusion.schedule import ddim_steps

SLOTS = 2
"""Number of batches that can be pending, each with its own memory."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Workspace:
    """The memory and streams that a model's programs use.

    `resources` owns all of it, and what a backend adds, until the model is closed.
    """

    cuda: Cuda
    manifest: Manifest
    tensors: DeviceTensors
    scalars: StepScalars
    streams: Streams
    resources: CudaResources

    def inputs(self, batch: int) -> dict[str, DeviceTensor]:
        """The input tensors of the stages for a batch size."""
        return {name: self.tensors.tensor(name, batch) for name in INPUTS}

    def synchronize(self) -> None:
        """Wait until all three streams are idle.

        Raises:
            CudaError: the GPU has failed.
        """
        for stream in (self.streams.upload, self.streams.compute, self.streams.download):
            self.cuda.check(self.cuda.api.cudaStreamSynchronize(stream), "waiting for the GPU")


def make_workspace(
    manifest: Manifest, cuda: Cuda, largest_batch: int, resources: CudaResources
) -> Workspace:
    """Allocate a workspace for batches of at most `largest_batch` images.

    Raises:
        CudaError: there is not enough memory.
    """
    streams = Streams(
        upload=resources.stream(), compute=resources.stream(), download=resources.stream()
    )
    scalars = StepScalars(ddim_steps(manifest.schedule), resources)
    write_array(cuda, streams.compute, scalars.address, scalars.values)
    return Workspace(
        cuda=cuda,
        manifest=manifest,
        tensors=DeviceTensors(manifest, largest_batch, resources),
        scalars=scalars,
        streams=streams,
        resources=resources,
    )


def buffer_bytes(manifest: Manifest, batch: int) -> int:
    """GPU memory of the stages' tensors and of the slots."""
    tensors = sum(tensor_bytes(spec, batch) for spec in tensor_specs(manifest).values())
    return tensors + SLOTS * slot_bytes(manifest, batch)
