"""The backends that are compared: the project's own, PyTorch's, and OpenVINO."""
