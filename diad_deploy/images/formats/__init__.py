"""Decode image files to samples as stored; one module per format.

opening -> decode (layout, png, jpeg, tiff) -> samples -> white_level
"""
