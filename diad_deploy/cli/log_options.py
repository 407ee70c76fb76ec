"""`-v` and `--log-level` of every command: what the packages log, on standard error."""

import logging
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from diad_deploy.cli.console import printable

Function = Callable[..., Any]

PACKAGES = ("diad_deploy", "diad_export", "diad_evaluate", "diad_benchmarks")
LEVELS = ("debug", "info", "warning", "error")
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_TIME = "%Y-%m-%dT%H:%M:%S%z"

_OPTIONS = (
    click.option(
        "-v",
        "--verbose",
        count=True,
        help="Log to standard error what the command does; -vv also the time of each batch.",
    ),
    click.option(
        "--log-level",
        type=click.Choice(LEVELS),
        help="Log from this level on, in place of -v.  [default: nothing is logged]",
    ),
)


def log_options(function: Function) -> Function:
    """Give a command `-v/--verbose` and `--log-level`; it gets no argument of them."""

    @wraps(function)
    def command(*args: Any, verbose: int, log_level: str | None, **given: Any) -> Any:
        start_logging(log_level or ("debug" if verbose > 1 else "info" if verbose else None))
        return function(*args, **given)

    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def start_logging(level: str | None) -> None:
    """Log what the packages report from `level` on to standard error; None logs nothing.

    Loggers of other libraries are left alone.
    """
    if level is None:
        return
    for name in PACKAGES:
        logger = logging.getLogger(name)
        logger.setLevel(level.upper())
        logger.handlers = [one for one in logger.handlers if not isinstance(one, _StandardError)]
        logger.addHandler(_StandardError())


class _StandardError(logging.Handler):
    """A line per record on the standard error of the moment, which a progress bar may replace."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter(_FORMAT, _TIME))

    def emit(self, record: logging.LogRecord) -> None:
        sys.stderr.write(f"{printable(self.format(record))}\n")
        sys.stderr.flush()
