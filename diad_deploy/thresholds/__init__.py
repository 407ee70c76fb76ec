"""Thresholds: their file, and the decision."""
