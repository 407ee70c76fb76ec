"""The command `diad-export`. Signals are handled before large modules are imported.

A signal that arrives earlier, while Python starts, is handled by Python.
"""

from diad_deploy.cli.stop_signals import exit_on_signals


def export() -> None:
    """Entry point of `diad-export`."""
    exit_on_signals("diad-export")
    from diad_export.cli.commands import main

    main()
