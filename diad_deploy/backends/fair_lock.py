"""A lock whose waiters get it in the order of their arrival.

A `threading.Lock` goes to whoever asks first once it is free, which is mostly the thread that has
just released it: with many batches to do, that thread keeps all others waiting.

Everyone waits for the one before, so a waiter that gives up, by Ctrl-C, only has to leave word
whom the next one is to wait for now (a queue lock of Craig's and of Landin's and Hagersten's; the
giving up is as in M. L. Scott and W. N. Scherer, "Scalable queue-based spin locks with timeout",
PPoPP 2001).
"""

from threading import Lock


class Turn:
    """One caller's place in a `FairLock`.

    >>> turn = Turn()
    >>> try:
    ...     line.wait(turn)
    ...     work()
    ... finally:
    ...     turn.end()

    Not a context manager: before the first line of an `__exit__` written in Python, Ctrl-C can
    come, and nobody after it would ever get a turn. `end` is a function of C's, which it cannot
    keep from being called.
    """

    __slots__ = ("before", "end", "ended")

    def __init__(self) -> None:
        self.ended = Lock()
        self.ended.acquire()
        self.end = self.ended.release
        # whom to wait for: nobody before `wait`, and from the moment on that the turn has come
        self.before: Turn | None = None


class FairLock:
    """Gives turns one at a time, in the order of the calls of `wait`."""

    def __init__(self) -> None:
        self._joining = Lock()
        self._last = Turn()
        self._last.end()

    def wait(self, turn: Turn) -> None:
        """Return when it is the turn of `turn`, a new one, whose `end` is called in any case."""
        # no calls in these two blocks: between two calls Ctrl-C could come
        with self._joining:
            turn.before = self._last
            self._last = turn
        while (before := turn.before) is not None:
            with before.ended:
                # where that one gave up, it had somebody before itself still
                turn.before = before.before
