"""Process items ahead of their use in threads."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from diad_deploy.streaming.pending import collect_pending

Item = TypeVar("Item")
Result = TypeVar("Result")


def prefetch(
    function: Callable[[Item], Result], items: Iterable[Item], *, threads: int, max_pending: int
) -> Generator[Result, None, None]:
    """Yield `function(item)` for each item, in their order.

    At most `max_pending` items are taken whose results were not yet yielded, so memory does not
    grow with the number of items. If taking an item raises, even by Ctrl-C, the pending ones are
    finished and yielded first; if one of those raises as well,
    `diad_deploy.streaming.pending.collect_pending` decides which error is raised.

    Args:
        function: called in a thread; its errors are raised in the place of its result.
        items: taken in the caller's thread.
        threads: number of threads.
        max_pending: largest number of pending items.
    """
    source = iter(items)
    pending: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        stopped: BaseException | None = None
        while True:
            while len(pending) >= max_pending:
                yield pending.popleft().result()
            try:
                item = next(source)
            except StopIteration:
                break
            except BaseException as error:  # noqa: BLE001 - raised below, after the pending items
                stopped = error
                break
            pending.append(pool.submit(function, item))
        while pending:
            yield collect_pending(pending.popleft().result, stopped)
        if stopped is not None:
            raise stopped
    finally:
        pool.shutdown(cancel_futures=True)
