"""The entry point of `diad-evaluate`, which handles signals before it imports large modules.

Earlier signals, while Python itself starts, are handled by Python or the system.
"""

from diad_deploy.cli.stop_signals import exit_on_signals


def evaluate() -> None:
    """Entry point of `diad-evaluate`."""
    exit_on_signals("diad-evaluate")
    from diad_evaluate.cli.run import main

    main()
