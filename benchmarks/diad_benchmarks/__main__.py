"""Entry point of `python -m diad_benchmarks`."""

from diad_deploy.cli.stop_signals import exit_on_signals

if __name__ == "__main__":
    exit_on_signals("diad-benchmark")
    from diad_benchmarks.cli.run import command
    from diad_deploy.cli.console import run_command

    run_command(command)
