"""A model that does a batch's whole work when it is handed in."""

from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

from diad_deploy.arrays import FloatArray
from diad_deploy.diffusion.stages import BatchResult, Collect, Order, Stages

T = TypeVar("T")


class HostModel(Generic[T]):
    """Stages on tensors `T`, called in order, one batch at a time.

    Args:
        stages: the four graphs; closed with the model.
        order: one pass through them.
        upload: the host's array as a tensor of the stages.
        download: a tensor of the stages as the host's array.
    """

    max_pending = 1

    def __init__(
        self,
        stages: Stages[T],
        order: Order,
        *,
        upload: Callable[[FloatArray], T],
        download: Callable[[T], FloatArray],
    ) -> None:
        self._stages = stages
        self._order = order
        self._upload = upload
        self._download = download
        # closing waits for what runs
        self._lock = Lock()

    def submit(self, image: FloatArray, noise: FloatArray, posterior_noise: FloatArray) -> Collect:
        """Run the batch; what comes back has the result at once.

        Raises:
            BackendError: the model is closed, or failed.
        """
        with self._lock:
            tensors = [self._upload(array) for array in (image, noise, posterior_noise)]
            outputs = self._order(self._stages, *tensors)
            result = BatchResult(
                anomaly_map=self._download(outputs.anomaly_map),
                image_score=self._download(outputs.image_score),
                reconstruction=self._download(outputs.reconstruction),
            )
        return lambda: result

    def close(self) -> None:
        """Close the stages once a running batch is done."""
        with self._lock:
            self._stages.close()
