"""What a model on a GPU works with: fixed memory and the streams, made once when it opens."""

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
"""Batches that are pending at once, each with memory of its own."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Workspace:
    """What a model's programs work with: fixed memory, and the streams.

    `resources` own all of it and whatever a backend adds; they go with the model.
    """

    cuda: Cuda
    manifest: Manifest
    tensors: DeviceTensors
    scalars: StepScalars
    streams: Streams
    resources: CudaResources

    def inputs(self, batch: int) -> dict[str, DeviceTensor]:
        """Where the stages read a batch of this size."""
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
    """Allocate everything for batches of at most `largest_batch` images.

    Raises:
        CudaError: there is too little memory.
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
    """What the tensors between the stages and the slots take on the GPU."""
    tensors = sum(tensor_bytes(spec, batch) for spec in tensor_specs(manifest).values())
    return tensors + SLOTS * slot_bytes(manifest, batch)
