"""Single questions, each answered through the same harness."""
