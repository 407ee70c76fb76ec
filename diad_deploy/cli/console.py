"""Running a command: errors become one line on standard error and an exit status."""

import sys
from typing import Any, NoReturn

import click

from diad_deploy.cli.standard_streams import tolerate_write_errors
from diad_deploy.cli.stop_signals import StopSignals
from diad_deploy.errors import DiadError

EXIT_NOTHING_DONE = 2

# raised by a group without a command, with the whole help as message; newer versions of click
_NO_COMMAND_ERROR: Any = getattr(click.exceptions, "NoArgsIsHelpError", ())


def run_command(command: click.Command) -> NoReturn:
    """Run `command` with the arguments of the process, and exit.

    A `DiadError` or a usage error is printed as one line on standard error, with exit status 2.
    Ctrl-C exits with status 130, SIGTERM with 143, and SIGHUP with 129. Otherwise the exit status
    is the integer that the command returns, even if its output cannot be written.
    """
    name = command.name or "diad"
    with tolerate_write_errors(name), StopSignals(name) as signals:
        status = _run(command, name, signals)
    sys.exit(status)


def _run(command: click.Command, name: str, signals: StopSignals) -> int:
    try:
        status = command.main(prog_name=name, standalone_mode=False)
    except DiadError as error:
        _print_error(name, str(error))
        return EXIT_NOTHING_DONE
    except _NO_COMMAND_ERROR as error:
        error.show()
        return int(error.exit_code)
    except click.ClickException as error:
        _print_error(name, f"{error.format_message()} See {name} --help.")
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        _print_error(name, signals.reason)
        return signals.status
    except Exception:
        # a library that is being imported may raise another error for the signal
        if signals.number is None:
            raise
        _print_error(name, signals.reason)
        return signals.status
    return status if isinstance(status, int) else 0


def printable(text: str) -> str:
    """`text` with control characters and invalid bytes escaped, safe to print on a terminal."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def _print_error(name: str, message: str) -> None:
    click.echo(f"{name}: {printable(' '.join(message.split()))}", err=True)
