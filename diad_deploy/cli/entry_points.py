"""`diad-run` and `diad-calibrate`: signals are heeded before anything large is imported.

One that comes earlier, while Python itself starts, ends the process as the system or Python does.
"""

from diad_deploy.cli.stop_signals import exit_on_signals


def run() -> None:
    """Entry point of `diad-run`."""
    exit_on_signals("diad-run")
    from diad_deploy.cli.run import main

    main()


def calibrate() -> None:
    """Entry point of `diad-calibrate`."""
    exit_on_signals("diad-calibrate")
    from diad_deploy.cli.calibrate import main

    main()
