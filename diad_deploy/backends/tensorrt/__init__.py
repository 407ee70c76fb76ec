"""TensorRT and TensorRT-RTX: the bundle's engines, run with the shared CUDA code."""
