"""Models on one or several devices, shared by any number of threads.

Only one thread at a time may submit to a model, so each device has a fair lock: a thread with many
batches queues again for each of them and does not starve the others. Waiting for results does not
hold the lock.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import count
from threading import Lock
from weakref import WeakSet

from diad_deploy.arrays import FloatArray
from diad_deploy.backends.fair_lock import FairLock, Turn
from diad_deploy.diffusion.stages import BatchResult, Collect, Model
from diad_deploy.errors import BackendError, CudaError


class _Device:
    """A model, its lock, its pending batches, and the number of the last one."""

    def __init__(self, name: str, model: Model) -> None:
        self.name = name
        self.model = model
        self.lock = FairLock()
        # weak, so that batches that are never collected do not keep their device busy for ever
        self.pending: WeakSet[_Batch] = WeakSet()
        self.last_batch = 0


class _Batch:
    """A pending batch; calling it waits for the result (a `Collect`)."""

    collect: Collect

    def __init__(self, owner: "SharedModel", device: _Device) -> None:
        self._owner, self.device = owner, device

    def __call__(self) -> BatchResult:
        try:
            with self._owner.device_in_errors(self.device.name):
                return self.collect()
        finally:
            self._owner.forget(self)


class SharedModel:
    """Several models used as one, by any number of threads.

    A batch goes to the device with the fewest pending batches.

    Args:
        models: models by the names of their devices; closed with this one.
    """

    def __init__(self, models: Mapping[str, Model]) -> None:
        self._devices = [_Device(name, model) for name, model in models.items()]
        self._choosing = Lock()
        self._batches = count(1)
        self._closed = False
        self.max_pending = sum(model.max_pending for model in models.values())

    def submit(self, image: FloatArray, noise: FloatArray, posterior_noise: FloatArray) -> Collect:
        """Begin a batch on the device with the fewest pending batches.

        Raises:
            BackendError: the models are closed, or the device failed; if there are several
                devices, the message begins with its name.
        """
        batch, turn = self._choose(), Turn()
        device = batch.device
        try:
            device.lock.wait(turn)
            if self._closed:
                raise BackendError("the model is closed; open it again")
            with self.device_in_errors(device.name):
                batch.collect = device.model.submit(image, noise, posterior_noise)
        except BaseException:
            self.forget(batch)
            raise
        finally:
            turn.end()
        return batch

    def close(self) -> None:
        """Close all models once running work is done. Can be called more than once.

        Batches that were not collected before cannot be collected afterwards, and batches that are
        waiting for a device are not begun.
        """
        self._closed = True
        with ExitStack() as stack:
            # if one fails to close, the others are still closed
            for device in self._devices:
                stack.callback(device.model.close)

    def forget(self, batch: _Batch) -> None:
        """Remove a batch from the pending ones of its device."""
        with self._choosing:
            batch.device.pending.discard(batch)

    @contextmanager
    def device_in_errors(self, name: str) -> Iterator[None]:
        """Add the device's name to errors, if there are several devices."""
        try:
            yield
        except BackendError as error:
            if len(self._devices) == 1:
                raise
            raise with_device(error, name) from error

    def _choose(self) -> _Batch:
        with self._choosing:
            device = min(self._devices, key=lambda one: (len(one.pending), one.last_batch))
            device.last_batch = next(self._batches)
            batch = _Batch(self, device)
            device.pending.add(batch)
            return batch


def with_device(error: BackendError, name: str) -> BackendError:
    """The error with the device's name before its message."""
    message = f"{name}: {error}"
    return CudaError(error.name, message) if isinstance(error, CudaError) else BackendError(message)
