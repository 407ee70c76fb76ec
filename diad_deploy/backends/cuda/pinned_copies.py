"""Synchronous copies of single arrays to and from the GPU.

A copy from pageable memory can return before the GPU has the data, and work on a non-blocking
stream does not wait for it. These copies use pinned memory, on the stream of the work that needs
them.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from diad_deploy.arrays import FloatArray
from diad_deploy.backends.cuda.calls import Cuda
from diad_deploy.backends.cuda.memory import CudaResources
from diad_deploy.backends.cuda.tensors import DeviceTensor


def write_array(cuda: Cuda, stream: Any, address: int, array: npt.NDArray[Any]) -> None:
    """Copy a C-contiguous array to the GPU and wait for the copy.

    Raises:
        CudaError: there is not enough pinned memory, or the GPU has failed.
    """
    kind = cuda.api.cudaMemcpyKind.cudaMemcpyHostToDevice
    resources = CudaResources(cuda)
    try:
        pinned = resources.pinned(array.nbytes, "a copy to the GPU")
        pinned.data[:] = array.reshape(-1).view(np.uint8)
        copied = cuda.api.cudaMemcpyAsync(address, pinned.address, array.nbytes, kind, stream)
        cuda.check(copied, f"copying {array.nbytes} bytes to the GPU")
        cuda.check(cuda.api.cudaStreamSynchronize(stream), "waiting for the GPU")
    finally:
        resources.close()


def read_tensor(cuda: Cuda, stream: Any, tensor: DeviceTensor) -> FloatArray:
    """The content of a tensor after all work on `stream` is done.

    Raises:
        CudaError: there is not enough pinned memory, or the GPU has failed.
    """
    kind = cuda.api.cudaMemcpyKind.cudaMemcpyDeviceToHost
    size = tensor.size_bytes
    resources = CudaResources(cuda)
    try:
        pinned = resources.pinned(size, "a copy from the GPU")
        copied = cuda.api.cudaMemcpyAsync(pinned.address, tensor.address, size, kind, stream)
        cuda.check(copied, f"copying {size} bytes from the GPU")
        cuda.check(cuda.api.cudaStreamSynchronize(stream), "waiting for the GPU")
        return pinned.data.view(tensor.dtype).reshape(tensor.shape).astype(np.float32)
    finally:
        resources.close()
