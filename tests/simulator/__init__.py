"""CUDA and TensorRT on the host's memory, for tests.

It checks addresses, order, capture and replay, profiles, and leaks. It says nothing about a GPU's
numbers or speed.
"""
