"""Images prefetched and batched, several batches under way at once."""
