"""Description of the pages and frames of a file that are not read."""

from contextlib import suppress

from PIL import Image

_MAX_PAGES = 64
"""Largest number of pages whose sizes are read."""
_PREVIEWS = ("JPEG", "MPO")
"""Formats whose further images are previews of the first."""


def describe_unread(image: Image.Image) -> str | None:
    """Describe what is not read of a file; None if it contains a single image.

    The image cannot be used afterwards.
    """
    note = None
    # the first page is already decoded: damage in others costs the note, not the image
    with suppress(Exception):
        if image.format in _PREVIEWS or not getattr(image, "is_animated", False):
            return None
        if image.format == "GIF":
            return "an animation, the first frame was read"  # counting frames would decode them
        pages = int(getattr(image, "n_frames", 1))
        what = "page" if image.format == "TIFF" else "frame"
        note = f"the first of {pages} {what}s was read"
        larger = _larger_page(image, pages) if image.format == "TIFF" else None
        if larger is not None:
            page, (width, height) = larger
            note += f"; page {page} is larger ({width} x {height})"
    return note


def _larger_page(image: Image.Image, pages: int) -> tuple[int, tuple[int, int]] | None:
    """Number, counted from 1, and size of the largest page; None if that is the first."""
    sizes = []
    for page in range(min(pages, _MAX_PAGES)):
        image.seek(page)
        sizes.append(image.size)
    largest = max(sizes, key=lambda size: size[0] * size[1])
    return None if largest == sizes[0] else (sizes.index(largest) + 1, largest)
