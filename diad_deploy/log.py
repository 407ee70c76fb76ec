"""The packages' loggers, silent unless a program configures logging or `--verbose` is given."""

import logging


def get_logger(name: str) -> logging.Logger:
    """The logger of a module; its package prints nothing on its own.

    Not done in the package's `__init__`, because importing `logging` takes longer than the rest.
    """
    package = logging.getLogger(name.partition(".")[0])
    if not package.handlers:
        package.addHandler(logging.NullHandler())
    return logging.getLogger(name)
