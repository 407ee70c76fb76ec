"""Float32 graphs -> mixed precision, decided node by node."""
