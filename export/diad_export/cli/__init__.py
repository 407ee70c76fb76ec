"""The command `diad-export`."""
