"""Image files -> samples as stored, a module for each format.

file_check -> decode (opening, layout, png, jpeg, tiff) -> samples -> white_level
"""
