"""A model that runs each batch synchronously when it is submitted."""

from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

from diad_deploy.arrays import FloatArray
from diad_deploy.diffusion.stages import BatchResult, Collect, Pipeline, Stages

T = TypeVar("T")


class HostModel(Generic[T]):
    """Runs a pipeline on stages with tensors `T`, one batch at a time.

    Args:
        stages: the four graphs; closed with the model.
        pipeline: runs the stages on a batch.
        upload: converts an array to a tensor of the stages.
        download: converts a tensor of the stages to an array.
    """

    max_pending = 1

    def __init__(
        self,
        stages: Stages[T],
        pipeline: Pipeline,
        *,
        upload: Callable[[FloatArray], T],
        download: Callable[[T], FloatArray],
    ) -> None:
        self._stages = stages
        self._pipeline = pipeline
        self._upload = upload
        self._download = download
        # `close` waits for a running batch
        self._lock = Lock()

    def submit(self, image: FloatArray, noise: FloatArray, posterior_noise: FloatArray) -> Collect:
        """Run the batch and return a function that returns its result.

        Raises:
            BackendError: the model is closed, or failed.
        """
        with self._lock:
            tensors = [self._upload(array) for array in (image, noise, posterior_noise)]
            outputs = self._pipeline(self._stages, *tensors)
            result = BatchResult(
                anomaly_map=self._download(outputs.anomaly_map),
                image_score=self._download(outputs.image_score),
                reconstruction=self._download(outputs.reconstruction),
            )
        return lambda: result

    def close(self) -> None:
        """Wait for a running batch and close the stages."""
        with self._lock:
            self._stages.close()
