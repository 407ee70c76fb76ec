"""What both command lines share: an error becomes one line and an exit status."""

import sys
from typing import Any, NoReturn

import click

from diad_deploy.cli.standard_streams import lasting_streams
from diad_deploy.cli.stop_signals import StopSignals
from diad_deploy.errors import DiadError

EXIT_NOTHING_DONE = 2

# a group without a command: its message is the whole help; older versions of click print it
_ASKS_FOR_HELP: Any = getattr(click.exceptions, "NoArgsIsHelpError", ())


def run_command(command: click.Command) -> NoReturn:
    """Run `command` with the process's arguments and exit.

    A `DiadError` and a usage error are each printed as one line on standard error and end with
    status 2; Ctrl-C ends with status 130, SIGTERM with 143, SIGHUP with 129. Otherwise a whole
    number that the command returns is the status, also where its output cannot be written.
    """
    name = command.name or "diad"
    with lasting_streams(name), StopSignals(name) as signals:
        status = _run(command, name, signals)
    sys.exit(status)


def _run(command: click.Command, name: str, signals: StopSignals) -> int:
    try:
        status = command.main(prog_name=name, standalone_mode=False)
    except DiadError as error:
        _complain(name, str(error))
        return EXIT_NOTHING_DONE
    except _ASKS_FOR_HELP as error:
        error.show()
        return int(error.exit_code)
    except click.ClickException as error:
        _complain(name, f"{error.format_message()} See {name} --help.")
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        _complain(name, signals.reason)
        return signals.status
    except Exception:
        # a library that was being imported may make another error of the signal
        if signals.number is None:
            raise
        _complain(name, signals.reason)
        return signals.status
    return status if isinstance(status, int) else 0


def printable(text: str) -> str:
    """`text` as a terminal can show it: control characters and stray bytes become escapes."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


def _complain(name: str, message: str) -> None:
    click.echo(f"{name}: {printable(' '.join(message.split()))}", err=True)
