"""Calls a function in a separate process, whose memory is freed afterwards."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, get_context
from typing import TypeVar

from diad_deploy.errors import BackendError

T = TypeVar("T")


def apart(function: Callable[..., T], *arguments: object, timeout_s: float | None = None) -> T:
    """Call `function` in a separate process, and return its result or raise its error.

    Raises:
        BackendError: the process died, or took longer than `timeout_s` seconds.
    """
    name = function.__name__.strip("_").replace("_", " ")
    # a forked process would begin with the memory of this one
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        pending = pool.submit(function, *arguments)
        try:
            return pending.result(timeout=timeout_s)
        except BrokenProcessPool as error:
            raise BackendError(
                f"{name}: its process died; if memory ran out, free some and start again"
            ) from error
        except TimeoutError:
            if pending.done():  # the function itself raised it
                raise
            # a pool cannot stop a running call
            for child in active_children():
                child.kill()
            raise BackendError(
                f"{name}: stopped after {timeout_s or 0:.0f} s, the rest of the run's time; allow "
                f"more with --minutes, or name a bundle that was built before"
            ) from None
