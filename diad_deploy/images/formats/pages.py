"""Pages and frames of a file beyond the first, which is the one that is read."""

from contextlib import suppress

from PIL import Image

_MAX_PAGES = 64
"""Pages whose sizes are looked at."""
_PREVIEWS = ("JPEG", "MPO")
"""Formats whose further images are previews of the first."""


def note_on(image: Image.Image) -> str | None:
    """What of the file is not read; None where it holds one image. The image is used up."""
    note = None
    # the first page is decoded already: damage in others costs the note, not the image
    with suppress(Exception):
        if image.format in _PREVIEWS or not getattr(image, "is_animated", False):
            return None
        if image.format == "GIF":
            return "an animation, the first frame was read"  # counting would decode them all
        pages = int(getattr(image, "n_frames", 1))
        what = "page" if image.format == "TIFF" else "frame"
        note = f"the first of {pages} {what}s was read"
        larger = _larger_page(image, pages) if image.format == "TIFF" else None
        if larger is not None:
            page, (width, height) = larger
            note += f"; page {page} is larger ({width} x {height})"
    return note


def _larger_page(image: Image.Image, pages: int) -> tuple[int, tuple[int, int]] | None:
    """Number, counted from 1, and size of the largest page, where that is not the first."""
    sizes = []
    for page in range(min(pages, _MAX_PAGES)):
        image.seek(page)
        sizes.append(image.size)
    largest = max(sizes, key=lambda size: size[0] * size[1])
    return None if largest == sizes[0] else (sizes.index(largest) + 1, largest)
