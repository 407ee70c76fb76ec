"""The command `diad-benchmark`."""
