"""Measurements against the PyTorch reference. Not part of the wheel."""
