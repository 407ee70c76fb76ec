"""A turn that says when it stands in its line, so that tests need not wait for a time."""

from collections.abc import Callable
from threading import Lock, Semaphore

from diad_deploy.backends.fair_lock import Turn

TIMEOUT_S = 10


class ToldTurn(Turn):
    """Releases `joined` once it has somebody before itself."""

    joined = Semaphore(0)

    def __init__(self) -> None:
        self._before: Turn | None = None
        self._told = False
        super().__init__()

    @property
    def before(self) -> Turn | None:  # type: ignore[override]
        return self._before

    @before.setter
    def before(self, turn: Turn | None) -> None:
        self._before = turn
        if turn is not None and not self._told:
            self._told = True
            self.joined.release()


def wait_joined() -> None:
    assert ToldTurn.joined.acquire(timeout=TIMEOUT_S)


class InterruptsFirst:
    """In place of a turn's `ended`: Ctrl-C comes to the first who waits for it.

    A real signal that comes shortly before the waiting begins is not seen until it ends.
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
