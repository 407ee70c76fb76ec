"""Signals that stop a command: Ctrl-C, and those of service managers, containers and terminals.

Only commands install the handlers, never the library. The module imports nothing large, since a
command imports it first.
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
"""The signals that stop a command; Windows has no SIGHUP."""

_RESEND_SECONDS = 0.01


class Stopped(KeyboardInterrupt):
    """Raised for a signal. As a `KeyboardInterrupt`, it is handled like Ctrl-C everywhere."""


def exit_on_signals(name: str) -> None:
    """Exit at once, with one line, on any signal before there are results to keep.

    Args:
        name: the name of the program.
    """

    def leave(number: int, _frame: "FrameType | None") -> "NoReturn":
        _exit(name, number)

    _set(leave)


class StopSignals:
    """A context in which a signal raises `Stopped`, so that the command can save its results.

    Terminals and service managers may send several signals: those that follow are ignored, but
    the third Ctrl-C exits at once.

    Args:
        name: the name of the program.

    Attributes:
        number: the first signal; None if there was none.
    """

    def __init__(self, name: str) -> None:
        self.number: int | None = None
        self._name = name
        self._raised: weakref.ref[Stopped] | None = None
        self._presses = 0
        self._before: dict[int, Any] = {}

    @property
    def status(self) -> int:
        """The exit status, as shells report it for a process that a signal ended."""
        return 128 + (self.number or signal.SIGINT)

    @property
    def reason(self) -> str:
        """A description of the signal for the message."""
        return _reason(self.number or signal.SIGINT)

    def __enter__(self) -> "Self":
        self._hook, sys.unraisablehook = sys.unraisablehook, self._resend
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

    def _resend(self, unraisable: "sys.UnraisableHookArgs") -> None:
        """Send the signal again if Python could not raise the error, as in a destructor."""
        if unraisable.exc_type is not Stopped:
            self._hook(unraisable)
            return
        import threading

        timer = threading.Timer(_RESEND_SECONDS, signal.raise_signal, (self.number,))
        timer.daemon = True
        timer.start()

    def _stop(self, number: int, _frame: "FrameType | None") -> None:
        # an error that Python could not raise no longer exists, and is raised again
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
            del error  # the traceback would keep it alive

    def _stop_again(self, number: int) -> None:
        if number != signal.SIGINT:
            return
        self._presses += 1
        if self._presses == 1:
            _write(f"{self._name}: stopping; press Ctrl-C again to exit at once\n")
        else:
            _exit(self._name, self.number or number)


def _set(handler: "Any") -> "dict[int, Any]":
    """Set the handler of all signals that are not ignored (nohup); returns the previous ones."""
    changed = {}
    for number in STOP_SIGNALS:
        before = signal.getsignal(number)
        if before in (signal.SIG_IGN, None):
            continue
        try:
            signal.signal(number, handler)
        except ValueError:  # only the main thread can handle signals
            break
        changed[number] = before
    return changed


def _reason(number: int) -> str:
    return "interrupted" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}"


def _exit(name: str, number: int) -> "NoReturn":
    _write(f"{name}: {_reason(number)}\n")
    os._exit(128 + number)


def _write(line: str) -> None:
    # not with Python's streams: the signal may have interrupted a write to them
    try:
        os.write(2, line.encode())
    except OSError:
        return
