"""Signals that end a command: Ctrl-C, and what service managers, containers and terminals send.

Set by commands only, never by the library. Nothing here is slow to import: it is the first thing
that a command does.
"""

import os
import signal
import sys
import weakref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType, TracebackType
    from typing import Any, NoReturn, Self

STOP_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""Windows has no SIGHUP."""

_AGAIN_SECONDS = 0.01


class Stopped(KeyboardInterrupt):
    """One of them came: whatever cleans up after Ctrl-C cleans up after the others as well."""


def exit_on_signals(name: str) -> None:
    """End the process at once with one line where a signal comes before there is work to keep.

    Args:
        name: the program's.
    """

    def leave(number: int, _frame: "FrameType | None") -> "NoReturn":
        _exit(name, number)

    _set(leave)


class StopSignals:
    """Context manager: a signal raises `Stopped`, so that the command keeps what is finished.

    While it does so, further signals change nothing: terminals and service managers send several.
    The third Ctrl-C ends the process as it is.

    Args:
        name: the program's.

    Attributes:
        number: of the first signal; None where none came.
    """

    def __init__(self, name: str) -> None:
        self.number: int | None = None
        self._name = name
        self._raised: weakref.ref[Stopped] | None = None
        self._presses = 0
        self._before: dict[int, Any] = {}

    @property
    def status(self) -> int:
        """The exit status that shells give a process which a signal ended."""
        return 128 + (self.number or signal.SIGINT)

    @property
    def reason(self) -> str:
        """For the person or the log."""
        return _reason(self.number or signal.SIGINT)

    def __enter__(self) -> "Self":
        self._hook, sys.unraisablehook = sys.unraisablehook, self._lost
        self._before = _set(self._stop)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: "TracebackType | None",
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        sys.unraisablehook = self._hook

    def _lost(self, given: "sys.UnraisableHookArgs") -> None:
        """Send the signal again where Python could not raise it, as in a module's destructor."""
        if given.exc_type is not Stopped:
            self._hook(given)
            return
        import threading

        again = threading.Timer(_AGAIN_SECONDS, signal.raise_signal, (self.number,))
        again.daemon = True
        again.start()

    def _stop(self, number: int, _frame: "FrameType | None") -> None:
        # an exception that got lost, as in a destructor, is gone by now, and the next is raised
        if self._raised is not None and self._raised() is not None:
            self._stop_again(number)
            return
        if self.number is None:
            self.number = number
        error = Stopped()
        self._raised = weakref.ref(error)
        try:
            raise error
        finally:
            del error  # else the traceback would keep it

    def _stop_again(self, number: int) -> None:
        if number != signal.SIGINT:
            return
        self._presses += 1
        if self._presses == 1:
            _write(f"{self._name}: ending; once more gives up what is not finished\n")
        else:
            _exit(self._name, self.number or number)


def _set(handler: "Any") -> "dict[int, Any]":
    """Set for all signals that are not ignored, as under nohup; gives what was set before."""
    changed = {}
    for number in STOP_SIGNALS:
        before = signal.getsignal(number)
        if before in (signal.SIG_IGN, None):
            continue
        try:
            signal.signal(number, handler)
        except ValueError:  # another thread than the main one takes no signals
            break
        changed[number] = before
    return changed


def _reason(number: int) -> str:
    return "interrupted" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}"


def _exit(name: str, number: int) -> "NoReturn":
    _write(f"{name}: {_reason(number)}\n")
    os._exit(128 + number)


def _write(line: str) -> None:
    # past Python's streams: the signal may have come while they were being written to
    try:
        os.write(2, line.encode())
    except OSError:
        return
