"""TensorRT and TensorRT-RTX: engines of the bundle, run through the shared CUDA code."""
