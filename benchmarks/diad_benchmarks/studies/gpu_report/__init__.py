"""`make gpu`: tests and measures on the NVIDIA GPU at hand, and keeps all of it in one folder.

__main__    what needs nothing but Python: are the packages there?
cli         the command
run         the check, the tests, the benchmark, in this order
steps       a child process whose output is shown and kept
about       card, driver, versions, commit
"""
