"""Measuring: processes, turns, rates, and the machine."""
