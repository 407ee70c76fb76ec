"""Thresholds: their file, and the decision that they make."""
