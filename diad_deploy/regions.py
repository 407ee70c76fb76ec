"""Where on a picture the anomaly map stands out: connected regions above a bound."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """One connected region of a picture (8-neighbours), in the picture's own pixels.

    Attributes:
        contour: its outer edge as (x, y) corners, x to the right and y down, closed from the
            last to the first.
        box: (x, y, width, height) of the smallest upright rectangle around it.
        area_px: how many pixels of the picture it covers.
        peak: the highest value of the anomaly map in it.
        peak_xy: (x, y) of the pixel where that is.
    """

    contour: tuple[tuple[int, int], ...]
    box: tuple[int, int, int, int]
    area_px: int
    peak: float
    peak_xy: tuple[int, int]
