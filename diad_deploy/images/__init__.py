"""Image files and arrays -> uint8 RGB.

file_check -> decode (opening, layout, png, jpeg, tiff) -> samples -> white_level -> rgb

`reader` does all of it with a run's options, and `tally` keeps what the run has to say about its
images at the end.
"""

from diad_deploy.images.opening import LIMIT_PX as LIMIT_PX
from diad_deploy.images.reader import read_picture as read_picture
