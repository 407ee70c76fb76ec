"""Entry point of `python -m benchmarks`."""

from benchmarks.cli import command
from diad_deploy.console import run_command

if __name__ == "__main__":
    run_command(command)
