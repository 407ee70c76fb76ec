"""Models on one or several devices, shared by as many threads as come.

A model takes one batch at a time, so each device has a line of its own, in which threads stand in
the order of their arrival: one with many batches goes to its end after each of them, and keeps
nobody from the other devices. Results are waited for outside of it.
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
    """A model, its line, the batches that are not collected yet, and when it last got one."""

    def __init__(self, name: str, model: Model) -> None:
        self.name = name
        self.model = model
        self.line = FairLock()
        # weakly: a batch that nobody collects must not make its device look busy for ever
        self.pending: WeakSet[_Batch] = WeakSet()
        self.turn = 0


class _Batch:
    """A batch that waits for its result when it is called (a `Collect`)."""

    collect: Collect

    def __init__(self, owner: "SharedModel", device: _Device) -> None:
        self._owner, self.device = owner, device

    def __call__(self) -> BatchResult:
        try:
            with self._owner.naming(self.device.name):
                return self.collect()
        finally:
            self._owner.forget(self)


class SharedModel:
    """Several models as one, which any number of threads may call at once.

    A batch goes to the device that has the fewest batches that are not collected yet.

    Args:
        models: by the names of their devices; closed with this one.
    """

    def __init__(self, models: Mapping[str, Model]) -> None:
        self._devices = [_Device(name, model) for name, model in models.items()]
        self._choosing = Lock()
        self._turns = count(1)
        self._closed = False
        self.max_pending = sum(model.max_pending for model in models.values())

    def submit(self, image: FloatArray, noise: FloatArray, posterior_noise: FloatArray) -> Collect:
        """Begin a batch on the device with the least to do, after those that came before.

        Raises:
            BackendError: the models are closed, or the device failed; where there are several,
                the message begins with its name.
        """
        batch, turn = self._choose(), Turn()
        device = batch.device
        try:
            device.line.wait(turn)
            if self._closed:
                raise BackendError("the model is closed; open it again")
            with self.naming(device.name):
                batch.collect = device.model.submit(image, noise, posterior_noise)
        except BaseException:
            self.forget(batch)
            raise
        finally:
            turn.end()
        return batch

    def close(self) -> None:
        """Close all models once running work is done. Can be called more than once.

        A batch that was not collected before cannot be collected any more; one that waits for its
        turn does not begin.
        """
        self._closed = True
        with ExitStack() as stack:
            # also the others where one fails
            for device in self._devices:
                stack.callback(device.model.close)

    def forget(self, batch: _Batch) -> None:
        """Count a batch no longer among those of its device."""
        with self._choosing:
            batch.device.pending.discard(batch)

    @contextmanager
    def naming(self, name: str) -> Iterator[None]:
        """Have errors say on which device they came up, where there are several."""
        try:
            yield
        except BackendError as error:
            if len(self._devices) == 1:
                raise
            raise with_device(error, name) from error

    def _choose(self) -> _Batch:
        with self._choosing:
            device = min(self._devices, key=lambda one: (len(one.pending), one.turn))
            device.turn = next(self._turns)
            batch = _Batch(self, device)
            device.pending.add(batch)
            return batch


def with_device(error: BackendError, name: str) -> BackendError:
    """The same error with the device's name before its message."""
    message = f"{name}: {error}"
    return CudaError(error.name, message) if isinstance(error, CudaError) else BackendError(message)
