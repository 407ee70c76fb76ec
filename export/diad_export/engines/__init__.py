"""ONNX graphs -> TensorRT and TensorRT-RTX engines, whose types are read back and proved.

Everything that imports TensorRT runs in a process of its own (`worker.py`): Polygraphy decides once
a process which of the two it serves, memory comes back whatever happens, and a build can be
stopped. Nothing here imports torch.
"""
