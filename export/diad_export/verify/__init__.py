"""Compares a bundle with the PyTorch reference: errors by stage, scores and decisions."""
