"""What memory large images take, so that it can be said before."""

_DECODED_BYTES_PER_PX = 12
_DRAWN_BYTES_PER_PX = 20
_KEPT_BYTES_PER_PX = 3
_WRITERS = 2


def memory_gib(pixels: int, *, workers: int = 1, batch_size: int = 1) -> float:
    """About how much memory a run takes, in GiB, when all its images have so many pixels.

    Measured on colour JPEGs of 24 megapixels and on one of 300. Colours of 16 bits and images with
    transparency take half as much again while they are decoded.

    Args:
        pixels: width times height.
        workers: threads that read images.
        batch_size: images that the model runs at once.
    """
    in_hand = 2 * batch_size + workers + _WRITERS
    bytes_per_px = (
        _DECODED_BYTES_PER_PX * workers + _DRAWN_BYTES_PER_PX + _KEPT_BYTES_PER_PX * in_hand
    )
    return pixels * bytes_per_px / 2**30
