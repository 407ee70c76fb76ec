"""A turn that signals when it is queued, so that tests need not sleep."""

from collections.abc import Callable
from threading import Lock, Semaphore

from diad_deploy.backends.fair_lock import Turn

TIMEOUT_S = 10


class QueuedTurn(Turn):
    """Releases `joined` once it has a predecessor."""

    joined = Semaphore(0)

    def __init__(self) -> None:
        self._before: Turn | None = None
        self._signalled = False
        super().__init__()

    @property
    def before(self) -> Turn | None:  # type: ignore[override]
        return self._before

    @before.setter
    def before(self, turn: Turn | None) -> None:
        self._before = turn
        if turn is not None and not self._signalled:
            self._signalled = True
            self.joined.release()


def wait_joined() -> None:
    assert QueuedTurn.joined.acquire(timeout=TIMEOUT_S)


class InterruptsFirst:
    """Replaces the lock `ended` of a turn: the first thread that waits for it gets Ctrl-C.

    A real signal that arrives shortly before the wait begins is not handled until it ends.
    """

    def __init__(self, lock: Lock, before: Callable[[], None]) -> None:
        self._lock = lock
        self._before: Callable[[], None] | None = before

    def __enter__(self) -> None:
        before, self._before = self._before, None
        if before is not None:
            before()
            raise KeyboardInterrupt
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
