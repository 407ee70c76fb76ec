"""Checkpoint files -> named weights and the model's sizes."""
