"""`make gpu`: tests and measures on the NVIDIA GPU of a machine, and keeps all results in a folder.

__main__    starts it in any environment, even one without packages
run         the check, the tests, the benchmark, in this order
steps       a child process whose output is shown and kept
"""
