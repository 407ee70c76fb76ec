"""The commands `diad-run` and `diad-calibrate`, and code shared by all commands."""
