"""PyTorch modules -> ONNX graphs, compared with the modules that they were exported from."""
