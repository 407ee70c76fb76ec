"""Entry point of `python -m benchmarks`."""

from diad_deploy.stop_signals import exit_on_signals

if __name__ == "__main__":
    exit_on_signals("benchmarks")
    from benchmarks.cli import command
    from diad_deploy.console import run_command

    run_command(command)
