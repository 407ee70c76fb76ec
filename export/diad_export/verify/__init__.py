"""A bundle beside the PyTorch reference: error by stage, scores, decisions."""
