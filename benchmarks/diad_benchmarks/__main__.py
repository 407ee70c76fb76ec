"""Entry point of `python -m diad_benchmarks`."""

from diad_benchmarks.cli.entry_points import benchmark

if __name__ == "__main__":
    benchmark()
