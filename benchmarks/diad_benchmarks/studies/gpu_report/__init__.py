"""`make gpu`: runs the GPU tests and the benchmark, and keeps all results in a folder.

__main__    starts it in any environment, even without packages
run         the check, the tests, the benchmark, in this order
steps       a child process whose output is printed and stored
"""
