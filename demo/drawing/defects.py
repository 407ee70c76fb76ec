"""The kinds of defect. Each changes a drawing, and the mask is where it changes."""

from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter

from demo.drawing.products import PRODUCTS
from demo.drawing.rendering import Part, Rendering
from demo.drawing.textures import Array, grain, weave

Paint = Callable[[np.random.Generator, Rendering], Array]
Rearrange = Callable[[np.random.Generator, list[Part]], list[Part]]


def _spot(rng: np.random.Generator, drawing: Rendering) -> tuple[float, float]:
    """A pixel (row, column) well inside the product."""
    rows, columns = np.nonzero(gaussian_filter(drawing.cover, len(drawing.cover) * 0.03) > 0.9)
    if len(rows) == 0:
        rows, columns = np.nonzero(drawing.cover > 0.5)
    pick = int(rng.integers(len(rows)))
    return float(rows[pick]), float(columns[pick])


def _grid(drawing: Rendering) -> tuple[Array, Array]:
    rows, columns = np.indices(drawing.cover.shape, dtype=np.float32)
    return rows, columns


def _blob(
    rng: np.random.Generator, drawing: Rendering, smallest: float, largest: float, edge_px: float
) -> Array:
    """Opacity (0 to 1) of a distorted ellipse on the product; radii are shares of the side."""
    rows, columns = _grid(drawing)
    row, column = _spot(rng, drawing)
    side = len(rows)
    a, b = rng.uniform(smallest, largest, 2) * side
    angle = rng.uniform(0, np.pi)
    x, y = columns - column, rows - row
    p, q = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    around = np.arctan2(q, p)
    bent = 1 + 0.18 * np.sin(3 * around + rng.uniform(0, 6)) + 0.08 * np.sin(5 * around)
    away = (np.hypot(p / a, q / b) / bent - 1) * min(a, b)
    return np.asarray(np.clip(0.5 - away / edge_px, 0, 1), dtype=np.float32)


def _walk(
    rng: np.random.Generator, drawing: Rendering, *, length: float, jitter: float, width_px: float
) -> Array:
    """Opacity (0 to 1) of a line on the product; `length` is a share of the image's side."""
    rows, columns = _grid(drawing)
    side = len(rows)
    row, column = _spot(rng, drawing)
    heading = rng.uniform(0, 2 * np.pi)
    steps = 14
    alpha = np.zeros_like(rows)
    for _ in range(steps):
        bend = heading + rng.normal(0.0, jitter)
        reach = length * side / steps
        end = (row + reach * np.sin(bend), column + reach * np.cos(bend))
        alpha = np.maximum(alpha, _segment(rows, columns, (row, column), end, width_px))
        (row, column), heading = end, heading + rng.normal(0.0, jitter / 3)
    return np.asarray(alpha * (drawing.cover > 0.5), dtype=np.float32)


def _segment(
    rows: Array,
    columns: Array,
    start: tuple[float, float],
    end: tuple[float, float],
    width_px: float,
) -> Array:
    dy, dx = end[0] - start[0], end[1] - start[1]
    along = ((rows - start[0]) * dy + (columns - start[1]) * dx) / max(dy * dy + dx * dx, 1e-6)
    along = np.clip(along, 0, 1)
    away = np.hypot(rows - start[0] - along * dy, columns - start[1] - along * dx)
    return np.asarray(np.clip(0.5 + width_px / 2 - away, 0, 1), dtype=np.float32)


def _mix(image: Array, colour: Array, alpha: Array) -> Array:
    return np.asarray(image * (1 - alpha[..., None]) + colour * alpha[..., None])


def scratch(rng: np.random.Generator, drawing: Rendering) -> Array:
    """A nearly straight bright or dark line."""
    unit = len(drawing.cover) / 128
    alpha = _walk(rng, drawing, length=rng.uniform(0.25, 0.45), jitter=0.06, width_px=2.0 * unit)
    tone = np.full(3, rng.choice([0.95, 0.08]), dtype=np.float32)
    return _mix(drawing.image, tone, alpha * rng.uniform(0.7, 0.95))


def crack(rng: np.random.Generator, drawing: Rendering) -> Array:
    """A jagged dark line that forks."""
    unit = len(drawing.cover) / 128
    alpha = np.maximum(
        _walk(rng, drawing, length=rng.uniform(0.3, 0.45), jitter=0.6, width_px=2.2 * unit),
        _walk(rng, drawing, length=rng.uniform(0.12, 0.2), jitter=0.6, width_px=1.6 * unit),
    )
    return _mix(drawing.image, np.array([0.06, 0.05, 0.05], np.float32), 0.85 * alpha)


def stain(rng: np.random.Generator, drawing: Rendering) -> Array:
    """A soft-edged brown, oily or pale blot."""
    alpha = _blob(rng, drawing, 0.05, 0.12, 0.03 * len(drawing.cover))
    tones = np.array([[0.25, 0.17, 0.08], [0.10, 0.10, 0.12], [0.90, 0.88, 0.75]], np.float32)
    return _mix(drawing.image, tones[rng.integers(3)], alpha * rng.uniform(0.45, 0.75))


def wrong_texture(rng: np.random.Generator, drawing: Rendering) -> Array:
    """A patch with another surface: rough or woven."""
    alpha = _blob(rng, drawing, 0.08, 0.16, 2.0)
    if rng.random() < 0.5:
        surface = 0.26 * grain(rng, len(alpha), 1.6)
    else:
        surface = 0.36 * weave(drawing.pose.u, drawing.pose.v, rng.uniform(4.5, 6.5))
    return _mix(drawing.image, drawing.image * (1 + surface[..., None]), alpha)


def colour_shift(rng: np.random.Generator, drawing: Rendering) -> Array:
    """A region of another hue, with the same shading and surface."""
    alpha = _blob(rng, drawing, 0.09, 0.17, 3.0)
    gain = np.ones(3, dtype=np.float32)
    gain[rng.integers(3)] = rng.choice([0.55, 1.6])
    shifted = np.clip(drawing.image * gain + 0.05 * (gain - 1), 0, 1)
    return _mix(drawing.image, shifted, alpha)


def dent(rng: np.random.Generator, drawing: Rendering) -> Array:
    """A hollow, dark towards the light and bright on the other side."""
    rows, columns = _grid(drawing)
    row, column = _spot(rng, drawing)
    radius = rng.uniform(0.05, 0.085) * len(rows)
    x, y = (columns - column) / radius, (rows - row) / radius
    slope = (x + y) * np.exp(-1.5 * (x * x + y * y))
    return np.asarray(drawing.image * (1 + 0.75 * slope[..., None] * rng.uniform(0.8, 1.2)))


def foreign_body(rng: np.random.Generator, drawing: Rendering) -> Array:
    """A fibre or crumb on the product, with its shadow."""
    unit = len(drawing.cover) / 128
    if rng.random() < 0.5:
        alpha = _walk(rng, drawing, length=0.3, jitter=0.35, width_px=2.2 * unit)
    else:
        alpha = _blob(rng, drawing, 0.03, 0.055, 1.5)
    shadow = np.roll(gaussian_filter(alpha, 1.2 * unit), (2, 2), axis=(0, 1))
    colours = np.array(
        [[0.85, 0.84, 0.80], [0.16, 0.13, 0.12], [0.20, 0.40, 0.75], [0.3, 0.55, 0.25]], np.float32
    )
    shaded = drawing.image * (1 - 0.5 * shadow[..., None])
    return _mix(shaded, colours[rng.integers(4)], 0.9 * alpha)


def missing_part(rng: np.random.Generator, parts: list[Part]) -> list[Part]:
    """One of the removable parts is missing."""
    gone = int(rng.choice([i for i, part in enumerate(parts) if part.removable]))
    return parts[:gone] + parts[gone + 1 :]


def misplaced_part(rng: np.random.Generator, parts: list[Part]) -> list[Part]:
    """One of the removable parts is displaced and rotated a little."""
    moved = int(rng.choice([i for i, part in enumerate(parts) if part.removable]))
    angle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0.11, 0.17)
    part = parts[moved].displaced(
        float(reach * np.cos(angle)), float(reach * np.sin(angle)), float(rng.uniform(-0.25, 0.25))
    )
    return [*parts[:moved], part, *parts[moved + 1 :]]


PAINTED: dict[str, Paint] = {
    "colour_shift": colour_shift,
    "crack": crack,
    "dent": dent,
    "foreign_body": foreign_body,
    "scratch": scratch,
    "stain": stain,
    "wrong_texture": wrong_texture,
}
"""Kinds that change the finished image."""

REARRANGED: dict[str, Rearrange] = {
    "misplaced_part": misplaced_part,
    "missing_part": missing_part,
}
"""Kinds that change the parts before they are drawn."""

DEFECTS: tuple[str, ...] = tuple(sorted([*PAINTED, *REARRANGED]))
HELD_OUT_DEFECTS: tuple[str, ...] = ("crack", "foreign_body")
"""Kinds that only the test split has."""


def defects_for(product: str) -> tuple[str, ...]:
    """The kinds of defect of a product; those of parts need a removable one."""
    parts = PRODUCTS[product].parts(np.random.default_rng(0))
    removable = any(part.removable for part in parts)
    return tuple(kind for kind in DEFECTS if removable or kind not in REARRANGED)
