"""Collect the results of pending work in order."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from typing import TypeVar

Result = TypeVar("Result")


def collect_in_order(
    begun: Iterable[Callable[[], Result]], *, max_pending: int
) -> Generator[Result, None, None]:
    """Yield the results of pieces of work in the order they were begun.

    If beginning a piece raises, even by Ctrl-C, the pending ones are collected and yielded first;
    if one of those raises as well, `collect_pending` decides which error is raised.

    Args:
        begun: begins a piece of work each time an item is taken; the item, called, waits for the
            piece and returns its result.
        max_pending: largest number of pending pieces; with 1, each is collected once it has begun.
    """
    source = iter(begun)
    pending: deque[Callable[[], Result]] = deque()
    stopped: BaseException | None = None
    while stopped is None:
        try:
            pending.append(next(source))
        except StopIteration:
            break
        except BaseException as error:  # noqa: BLE001 - raised below, after the pending pieces
            stopped = error
            break
        while len(pending) >= max_pending:
            yield pending.popleft()()
    while pending:
        yield collect_pending(pending.popleft(), stopped)
    if stopped is not None:
        raise stopped


def collect_pending(collect: Callable[[], Result], stopped: BaseException | None) -> Result:
    """Call `collect` after the error `stopped` was raised, if any, and return its result.

    Raises:
        BaseException: of two errors the first one, `stopped`, with the second as its cause unless
            it has another; but Ctrl-C takes precedence over a failure that a caller may ignore.
    """
    try:
        return collect()
    except BaseException as error:
        if stopped is None or error is stopped:
            raise
        raised, cause = stopped, error
        if isinstance(stopped, Exception) and not isinstance(error, Exception):
            raised, cause = error, stopped
        raise raised from (raised.__cause__ or cause)
