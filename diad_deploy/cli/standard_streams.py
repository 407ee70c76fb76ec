"""Standard output and error that do not end a run when they cannot be written.

A pipe may be closed, a disk full, a terminal gone, or the stream not open at all. The output is
then discarded, and the run continues with the same files and the same exit status.
"""

import errno
import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO


class TolerantBuffer(io.BufferedWriter):
    """A buffered writer that discards its output once the descriptor cannot be written.

    If the descriptor is non-blocking, as some pipes are, it waits for a slow reader.

    Args:
        descriptor: the descriptor to write to; it is not closed.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__(io.FileIO(descriptor, "w", closefd=False))
        self.error: OSError | None = None
        """The error after which the output is discarded."""

    def write(self, data: Any, /) -> int:
        """Write `data`, and return its length in bytes."""
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
            self._discard_output(error)
        return length

    def flush(self) -> None:
        """Write buffered data, if the descriptor can be written."""
        try:
            while True:
                try:
                    super().flush()
                    return
                except BlockingIOError:
                    self._wait()
        except OSError as error:
            self._discard_output(error)

    def _wait(self) -> None:
        # made blocking, the pipe would also block for other processes that share it
        select.select([], [self], [])

    def _discard_output(self, error: OSError) -> None:
        # also discards buffered data and the output of native libraries
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self.fileno())
        os.close(null)
        self.error = self.error or error


@contextmanager
def tolerate_write_errors(name: str) -> Iterator[None]:
    """A context in which writing to standard output and error raises no errors.

    At the end, a message on standard error says if standard output could not be written, unless
    its reader closed it. The streams remain in place, since the interpreter flushes them at exit.

    Args:
        name: the name of the program, for the message.
    """
    _open_closed()
    output = _make_tolerant("stdout")
    _make_tolerant("stderr")
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        error = None if output is None else output.error
        if error is not None and error.errno not in (errno.EPIPE, errno.EIO):
            sys.stderr.write(
                f"{name}: standard output cannot be written: {error.strerror or error}; the "
                f"files and the exit status are not affected\n"
            )
            sys.stderr.flush()


def _open_closed() -> None:
    """Open those of the first three descriptors that are closed on the null device.

    The next file to be opened would get the number, and with it the output of libraries.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            # gets the lowest free number, which is this one
            opened = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(opened, True)


def _make_tolerant(name: str) -> TolerantBuffer | None:
    """Replace `sys.stdout` or `sys.stderr`; returns None if it is not a stream on a descriptor."""
    stream: TextIO | None = getattr(sys, name)
    if stream is None:  # closed when the interpreter started
        setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        return None
    buffer = getattr(stream, "buffer", None)
    raw = getattr(buffer, "raw", buffer)
    if not isinstance(stream, io.TextIOWrapper) or not isinstance(raw, io.FileIO):
        return None  # replaced by the program
    with suppress(OSError):
        stream.flush()
    tolerant = TolerantBuffer(raw.fileno())
    wrapped = io.TextIOWrapper(
        tolerant,
        encoding=stream.encoding,
        errors=stream.errors,
        # line buffered also if the stream was unbuffered
        line_buffering=stream.line_buffering or stream.write_through,
    )
    setattr(sys, name, wrapped)
    return tolerant
