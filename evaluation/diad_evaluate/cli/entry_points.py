"""The program `diad-evaluate`: signals are heeded before anything large is imported.

One that comes earlier, while Python itself starts, ends the process as the system or Python does.
"""

from diad_deploy.cli.stop_signals import exit_on_signals


def evaluate() -> None:
    """Entry point of `diad-evaluate`."""
    exit_on_signals("diad-evaluate")
    from diad_evaluate.cli.run import main

    main()
