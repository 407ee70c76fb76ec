"""Safe reading and writing of files: atomic writes, strict JSON, NumPy files, CSV rows."""
