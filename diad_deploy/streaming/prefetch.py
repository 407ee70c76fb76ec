"""Work done ahead in threads, handed on in order, with no more than so many pieces in hand."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from diad_deploy.streaming.pending import finish

Item = TypeVar("Item")
Result = TypeVar("Result")


def prefetch(
    function: Callable[[Item], Result], items: Iterable[Item], *, threads: int, ahead: int
) -> Generator[Result, None, None]:
    """`function` of each item, in the items' order.

    At most `ahead` items are taken and not yet handed on as results, so memory does not grow with
    their number. When taking an item raises, even by Ctrl-C, what is in hand is finished and
    handed on first; where that raises too, the error is as of `max_pending.finish`.

    Args:
        function: called in a thread; what it raises is raised here, at its place.
        items: taken in the caller's thread.
        threads: how many work at once.
        ahead: most items in hand.
    """
    source = iter(items)
    waiting: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        stopped: BaseException | None = None
        while True:
            while len(waiting) >= ahead:
                yield waiting.popleft().result()
            try:
                item = next(source)
            except StopIteration:
                break
            except BaseException as error:  # noqa: BLE001 - raised below, once the hands are empty
                stopped = error
                break
            waiting.append(pool.submit(function, item))
        while waiting:
            yield finish(waiting.popleft().result, stopped)
        if stopped is not None:
            raise stopped
    finally:
        pool.shutdown(cancel_futures=True)
