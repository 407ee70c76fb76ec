"""The program `diad-benchmark`: signals are handled before anything large is imported."""

from diad_deploy.cli.stop_signals import exit_on_signals


def benchmark() -> None:
    """Entry point of `diad-benchmark`."""
    exit_on_signals("diad-benchmark")
    from diad_benchmarks.cli.run import main

    main()
