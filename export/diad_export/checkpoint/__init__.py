"""Checkpoint files -> weights under the published keys, and the sizes of the model."""
