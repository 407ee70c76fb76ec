"""The program `diad-export`: signals are heeded before anything large is imported.

One that comes earlier, while Python itself starts, ends the process as the system or Python does.
"""

from diad_deploy.cli.stop_signals import exit_on_signals


def export() -> None:
    """Entry point of `diad-export`."""
    exit_on_signals("diad-export")
    from diad_export.cli.commands import main

    main()
