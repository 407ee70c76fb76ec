"""ONNX graphs -> TensorRT and TensorRT-RTX engines, whose types are read back and checked.

All code that imports TensorRT runs in a child process (`worker.py`): Polygraphy supports one of the
two modules per process, the process returns all memory, and a build can be stopped. Nothing in this
package imports torch.
"""
