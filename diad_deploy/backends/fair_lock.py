"""A lock that is acquired in the order in which threads ask for it.

A `threading.Lock` is taken by the first thread that asks once it is free, which is usually the one
that has just released it. With many batches to process, that thread would starve the others.

This is a queue lock (Craig; Landin and Hagersten): each thread waits for its predecessor. A thread
that gives up, because of Ctrl-C, passes its predecessor on to its successor, as in M. L. Scott and
W. N. Scherer, "Scalable queue-based spin locks with timeout", PPoPP 2001.
"""

from threading import Lock


class Turn:
    """A caller's place in the queue of a `FairLock`.

    >>> turn = Turn()
    >>> try:
    ...     lock.wait(turn)
    ...     work()
    ... finally:
    ...     turn.end()

    This is not a context manager, since Ctrl-C can interrupt an `__exit__` written in Python before
    its first line, and all following threads would wait for ever. `end` is implemented in C and
    cannot be interrupted.
    """

    __slots__ = ("before", "end", "ended")

    def __init__(self) -> None:
        self.ended = Lock()
        self.ended.acquire()
        self.end = self.ended.release
        # the predecessor; None before `wait`, and once it is this caller's turn
        self.before: Turn | None = None


class FairLock:
    """Grants turns one at a time, in the order of the calls to `wait`."""

    def __init__(self) -> None:
        self._joining = Lock()
        self._last = Turn()
        self._last.end()

    def wait(self, turn: Turn) -> None:
        """Wait for a new `turn`. The caller must always call its `end`, even after an error."""
        # no function calls in these two blocks, since Ctrl-C can come between two calls
        with self._joining:
            turn.before = self._last
            self._last = turn
        while (before := turn.before) is not None:
            with before.ended:
                # a predecessor that gave up still has one of its own
                turn.before = before.before
