"""The ways to run a DiAD model that are compared, one file each."""

from diad_benchmarks.backends.backend import WAYS, Outcome, Runner, Subject, Way, find_way

__all__ = ["WAYS", "Outcome", "Runner", "Subject", "Way", "find_way"]
