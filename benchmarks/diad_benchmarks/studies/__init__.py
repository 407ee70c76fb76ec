"""Studies of single questions, with the benchmark's processes, rounds and deadlines."""
