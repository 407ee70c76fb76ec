"""Studies of single questions, with the same processes, rounds and deadlines as the benchmark."""
