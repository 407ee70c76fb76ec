"""Streaming of images through a model: prefetched, batched, and with several pending batches."""
