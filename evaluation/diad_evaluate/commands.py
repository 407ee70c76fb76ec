"""The program `diad-evaluate`: signals are heeded before anything is imported."""

from diad_deploy.stop_signals import exit_on_signals


def evaluate() -> None:
    """Entry point of `diad-evaluate`."""
    exit_on_signals("diad-evaluate")
    from diad_evaluate.cli import main

    main()
