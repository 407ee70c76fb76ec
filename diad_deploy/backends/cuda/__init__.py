"""Code shared by the CUDA backends: calls, memory, streams, graphs, and the model using them.

api -> calls -> memory, graph -> tensors -> transfers -> workspace -> model
"""
