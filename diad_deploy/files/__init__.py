"""Reading and writing files safely: atomic writes, strict JSON, checked NumPy files."""
