"""What all CUDA backends share: calls, memory, streams, graphs, and the model built from them.

api -> calls -> memory, graph -> tensors -> transfers -> workspace -> model
"""
