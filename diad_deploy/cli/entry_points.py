"""The entry points of `diad-run` and `diad-calibrate`.

They handle signals before they import large modules. Earlier signals, while Python itself starts,
are handled by Python or the system.
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
