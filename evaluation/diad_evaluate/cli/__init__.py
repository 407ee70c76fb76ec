"""The command `diad-evaluate`."""
