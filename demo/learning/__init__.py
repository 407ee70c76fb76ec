"""The training of the demo: stages, their loop, and the device they run on."""
