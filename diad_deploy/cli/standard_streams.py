"""Standard output and error of a command: that nobody reads them ends no run.

A pipe may be closed, a disk full, a terminal gone, or the stream not open at all. What is written
then goes nowhere; the run goes on, and its files and its exit status are what they would be.
"""

import errno
import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO


class LastingBuffer(io.BufferedWriter):
    """A descriptor's buffer that takes all that is written, also once it can hand on nothing.

    Where the descriptor does not block, as a pipe of some programs, it waits for a slow reader.

    Args:
        descriptor: what it writes to; not closed with it.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__(io.FileIO(descriptor, "w", closefd=False))
        self.error: OSError | None = None
        """Why it hands on nothing more."""

    def write(self, data: Any, /) -> int:
        """Take `data`; gives its length in bytes."""
        rest = memoryview(data).cast("B")
        length = rest.nbytes
        try:
            while rest:
                try:
                    rest = rest[super().write(rest) :]
                except BlockingIOError as error:
                    rest = rest[error.characters_written :]
                    self._wait()
        except OSError as error:
            self._give_up(error)
        return length

    def flush(self) -> None:
        """Hand on what was taken, if that goes."""
        try:
            while True:
                try:
                    super().flush()
                    return
                except BlockingIOError:
                    self._wait()
        except OSError as error:
            self._give_up(error)

    def _wait(self) -> None:
        # not made to block: the setting is shared with whoever else holds the pipe
        select.select([], [self], [])

    def _give_up(self, error: OSError) -> None:
        # what is in the buffer can then go, and what a library prints as well
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)
        self.error = self.error or error


@contextmanager
def lasting_streams(name: str) -> Iterator[None]:
    """Within, writing to standard output or error raises nothing.

    Afterwards one line says so where standard output could not be written, unless its reader
    closed it. The streams stay: the interpreter still flushes them when it ends.

    Args:
        name: the program's, for that line.
    """
    _fill_closed()
    output = _make_lasting("stdout")
    _make_lasting("stderr")
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        error = None if output is None else output.error
        if error is not None and error.errno not in (errno.EPIPE, errno.EIO):
            sys.stderr.write(
                f"{name}: standard output cannot be written: {error.strerror or error}; the "
                f"files and the exit status are what they would be\n"
            )
            sys.stderr.flush()


def _fill_closed() -> None:
    """Open what is closed of the first three descriptors on nothing.

    The next file opened would take the number, and get what a library prints to it.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            # the lowest free number is this one
            opened = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(opened, True)


def _make_lasting(name: str) -> LastingBuffer | None:
    """Put a lasting stream in the place of `sys.stdout` or `sys.stderr`; None where it is none."""
    stream: TextIO | None = getattr(sys, name)
    if stream is None:  # closed when the interpreter began
        setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        return None
    buffer = getattr(stream, "buffer", None)
    raw = getattr(buffer, "raw", buffer)
    if not isinstance(stream, io.TextIOWrapper) or not isinstance(raw, io.FileIO):
        return None  # a program's own
    with suppress(OSError):
        stream.flush()
    lasting = LastingBuffer(raw.fileno())
    wrapped = io.TextIOWrapper(
        lasting,
        encoding=stream.encoding,
        errors=stream.errors,
        # line by line also where nothing was to be kept back at all
        line_buffering=stream.line_buffering or stream.write_through,
    )
    setattr(sys, name, wrapped)
    return lasting
