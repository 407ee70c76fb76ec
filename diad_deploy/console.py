"""What both command lines share: an error becomes one line and an exit status."""

import sys
from typing import NoReturn

import click

from diad_deploy.errors import DiadError

EXIT_NOTHING_DONE = 2
EXIT_INTERRUPTED = 130


def run_command(command: click.Command) -> NoReturn:
    """Run `command` with the process's arguments and exit.

    A `DiadError` is printed as one line on standard error and ends with status 2, as a usage
    error does; Ctrl-C ends with status 130.
    """
    name = command.name or "diad"
    try:
        status = command.main(standalone_mode=False)
    except DiadError as error:
        _complain(name, str(error))
        sys.exit(EXIT_NOTHING_DONE)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _complain(name, "interrupted")
        sys.exit(EXIT_INTERRUPTED)
    sys.exit(status if isinstance(status, int) else 0)


def _complain(name: str, message: str) -> None:
    click.echo(f"{name}: {' '.join(message.split())}", err=True)
