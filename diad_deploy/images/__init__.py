"""Read images as uint8 RGB and preprocess them for the model.

discover, inputs -> formats (file -> samples -> white level) -> rgb -> preprocess

`reader` combines these with the options of a run, and `tally` counts what the run warns of at its
end.
"""
