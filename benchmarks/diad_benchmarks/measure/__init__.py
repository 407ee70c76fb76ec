"""Measurement: worker processes that take turns, times, rates, the machine, the deadline."""
