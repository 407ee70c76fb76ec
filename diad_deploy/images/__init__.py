"""Image files and arrays -> uint8 RGB, prepared for the model.

discover, inputs -> formats (a file -> samples -> white level) -> rgb -> preprocess

`reader` does all of it with a run's options, and `tally` keeps what the run has to say about its
images at the end.
"""
