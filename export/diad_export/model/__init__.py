"""The DiAD model in PyTorch, built on diffusers and timm, and its reference pipeline."""
