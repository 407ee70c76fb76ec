"""Estimate of the memory that large images need."""

_DECODING_BYTES_PER_PX = 12
_DRAWING_BYTES_PER_PX = 20
_KEPT_BYTES_PER_PX = 3
_WRITERS = 2


def memory_gib(pixels: int, *, workers: int = 1, batch_size: int = 1) -> float:
    """Approximate memory of a run in GiB, if all its images have this number of pixels.

    Measured on colour JPEGs of 24 and of 300 megapixels. Images of 16-bit colours or with
    transparency need 50 % more while they are decoded.

    Args:
        pixels: width times height.
        workers: threads that read images.
        batch_size: images per batch.
    """
    pending = 2 * batch_size + workers + _WRITERS
    bytes_per_px = (
        _DECODING_BYTES_PER_PX * workers + _DRAWING_BYTES_PER_PX + _KEPT_BYTES_PER_PX * pending
    )
    return pixels * bytes_per_px / 2**30
