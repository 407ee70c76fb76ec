"""Signed distance functions of simple shapes in the product's coordinates; negative inside."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Shape = Callable[[Array, Array], Array]


def disc(radius: float, x: float = 0.0, y: float = 0.0) -> Shape:
    """A disc around (x, y)."""
    return lambda u, v: np.hypot(u - x, v - y) - radius


def ring(radius: float, width: float, x: float = 0.0, y: float = 0.0) -> Shape:
    """A ring whose middle line has `radius`."""
    return lambda u, v: np.abs(np.hypot(u - x, v - y) - radius) - width / 2


def box(
    half_width: float, half_height: float, x: float = 0.0, y: float = 0.0, corner: float = 0.0
) -> Shape:
    """A box with rounded corners."""

    def distance(u: Array, v: Array) -> Array:
        du = np.abs(u - x) - half_width + corner
        dv = np.abs(v - y) - half_height + corner
        outside = np.hypot(np.maximum(du, 0), np.maximum(dv, 0))
        return outside + np.minimum(np.maximum(du, dv), 0) - corner

    return distance


def capsule(half_length: float, radius: float, x: float = 0.0, y: float = 0.0) -> Shape:
    """A horizontal capsule."""
    return lambda u, v: np.hypot(u - x - np.clip(u - x, -half_length, half_length), v - y) - radius


def polygon(sides: int, radius: float, x: float = 0.0, y: float = 0.0) -> Shape:
    """A regular polygon with inner radius `radius`."""
    step = 2 * np.pi / sides

    def distance(u: Array, v: Array) -> Array:
        angle = np.arctan2(v - y, u - x)
        folded = (angle + step / 2) % step - step / 2
        return np.asarray(np.hypot(u - x, v - y) * np.cos(folded) - radius)

    return distance


def gear(radius: float, teeth: int, depth: float) -> Shape:
    """A disc with a toothed rim."""

    def distance(u: Array, v: Array) -> Array:
        wave = np.clip(3.0 * np.cos(teeth * np.arctan2(v, u)), -1, 1)
        return np.asarray((np.hypot(u, v) - radius - depth * wave) * 0.8)

    return distance


def sector(shape: Shape, start: float, stop: float) -> Shape:
    """The part of `shape` between two angles (radians)."""
    middle, half = (start + stop) / 2, (stop - start) / 2

    def distance(u: Array, v: Array) -> Array:
        angle = np.abs((np.arctan2(v, u) - middle + np.pi) % (2 * np.pi) - np.pi)
        edge = np.hypot(u, v) * np.sin(np.clip(angle - half, -np.pi / 2, np.pi / 2))
        return np.maximum(shape(u, v), edge)

    return distance


def without(shape: Shape, hole: Shape) -> Shape:
    """`shape` with `hole` cut out."""
    return lambda u, v: np.maximum(shape(u, v), -hole(u, v))


def either(*shapes: Shape) -> Shape:
    """The union of shapes."""

    def distance(u: Array, v: Array) -> Array:
        joined = shapes[0](u, v)
        for shape in shapes[1:]:
            joined = np.minimum(joined, shape(u, v))
        return joined

    return distance


def moved(shape: Shape, x: float, y: float, angle: float = 0.0) -> Shape:
    """`shape` rotated by `angle` (radians) around the origin, then moved."""
    c, s = float(np.cos(angle)), float(np.sin(angle))

    def distance(u: Array, v: Array) -> Array:
        du, dv = u - x, v - y
        return shape(c * du + s * dv, -s * du + c * dv)

    return distance
