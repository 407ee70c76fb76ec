"""The commands `diad-run` and `diad-calibrate`, and what all commands of the project share."""
