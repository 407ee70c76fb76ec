"""Work that was begun and is collected later, in order, with so many pieces under way."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from typing import TypeVar

Result = TypeVar("Result")


def collect_in_order(
    begun: Iterable[Callable[[], Result]], *, max_pending: int
) -> Generator[Result, None, None]:
    """What each piece gives, in the order in which they were begun.

    When beginning one raises, even by Ctrl-C, those under way are collected and handed on first;
    where one of these raises too, the error is as of `finish`.

    Args:
        begun: begins a piece each time one is taken from it; called, a piece waits and gives its
            result.
        max_pending: how many may be under way; with 1 each is collected as soon as it has begun.
    """
    source = iter(begun)
    waiting: deque[Callable[[], Result]] = deque()
    stopped: BaseException | None = None
    while stopped is None:
        try:
            waiting.append(next(source))
        except StopIteration:
            break
        except BaseException as error:  # noqa: BLE001 - raised below, once the hands are empty
            stopped = error
            break
        while len(waiting) >= max_pending:
            yield waiting.popleft()()
    while waiting:
        yield finish(waiting.popleft(), stopped)
    if stopped is not None:
        raise stopped


def finish(collect: Callable[[], Result], stopped: BaseException | None) -> Result:
    """What `collect` gives, called after `stopped` came up, where something did.

    Raises:
        BaseException: of two errors the first, `stopped`, with the second as its cause, if it has
            no other; but Ctrl-C goes before a failure, which a caller may pass over.
    """
    try:
        return collect()
    except BaseException as error:
        if stopped is None or error is stopped:
            raise
        told, other = stopped, error
        if isinstance(stopped, Exception) and not isinstance(error, Exception):
            told, other = error, stopped
        raise told from (told.__cause__ or other)
