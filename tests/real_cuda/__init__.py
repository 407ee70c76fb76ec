"""Real CUDA with a stand-in for TensorRT, for tests on any NVIDIA GPU.

Engines run the stand-in bundle's four graphs as kernels at the bound addresses. Allocation, pinned
copies, streams, recording and replay are CUDA's own. It does not test TensorRT.
"""
