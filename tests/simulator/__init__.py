"""CUDA and TensorRT on the host's memory, for tests.

It shows addresses, order, capture and replay, profiles, and what is left behind. It shows nothing
of a GPU's numbers or speed.
"""
