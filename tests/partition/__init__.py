"""Which nodes of our graphs ONNX Runtime would run on a GPU, found on a machine without one.

Libraries that stand in for CUDA's let a version of onnxruntime-gpu open sessions; its own
partitioner decides where each node runs. Nothing is computed. `python -m tests.partition` prints
the table of versions.
"""
