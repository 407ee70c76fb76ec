"""Draws a product: its parts on a background, in a pose and under a light."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter, shift

from demo.drawing.shapes import Shape, moved
from demo.drawing.textures import Array, grain, smooth_noise

Surface = Callable[[np.random.Generator, Array, Array], Array]
Colour = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a product.

    Attributes:
        shape: its outline.
        colour: without surface and light.
        bevel: width of its rounded edge, in units of the product's coordinates.
        relief: -1 for a hollow, 1 for a raised and 0 for a flat part.
        gloss: strength of its highlight.
        removable: whether it can be missing or misplaced.
    """

    shape: Shape
    colour: Colour
    bevel: float = 0.06
    relief: float = 1.0
    gloss: float = 0.15
    surface: Surface | None = None
    surface_strength: float = 0.0
    removable: bool = False

    def displaced(self, x: float, y: float, angle: float) -> "Part":
        """The part, moved and rotated."""
        return replace(self, shape=moved(self.shape, x, y, angle))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """The position of a product: its coordinates u and v of every pixel, each `[S, S]`."""

    u: Array
    v: Array
    pixels_per_unit: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """Direction to the light (unit vector in the image), strength and tint."""

    x: float
    y: float
    strength: float
    tint: Colour


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """A drawn product: float32 image `[S, S, 3]` from 0 to 1, and its coverage `[S, S]`."""

    image: Array
    cover: Array
    pose: Pose


def draw_pose(
    rng: np.random.Generator, size_px: int, *, turn_rad: float, shift_share: float = 0.05
) -> Pose:
    """A random pose: rotated by up to `turn_rad` in either direction, shifted and scaled."""
    axis = (np.arange(size_px, dtype=np.float32) + 0.5) / size_px * 2 - 1
    x, y = np.meshgrid(axis, axis)
    dx, dy = rng.uniform(-2 * shift_share, 2 * shift_share, 2)
    angle, scale = rng.uniform(-turn_rad, turn_rad), rng.uniform(0.94, 1.06)
    c, s = np.float32(np.cos(angle) / scale), np.float32(np.sin(angle) / scale)
    x, y = x - np.float32(dx), y - np.float32(dy)
    return Pose(u=c * x + s * y, v=c * y - s * x, pixels_per_unit=float(scale * size_px / 2))


def draw_light(rng: np.random.Generator) -> Light:
    """Light from about the upper left."""
    angle = rng.uniform(-2.8, -1.9)
    warmth = rng.uniform(-0.03, 0.03)
    return Light(
        x=float(np.cos(angle)),
        y=float(np.sin(angle)),
        strength=float(rng.uniform(0.86, 1.12)),
        tint=(1.0 + float(warmth), 1.0, 1.0 - float(warmth)),
    )


def render(
    rng: np.random.Generator, parts: list[Part], ground: Colour, pose: Pose, light: Light
) -> Rendering:
    """Draw `parts`, bottom first, with their shadow on the background."""
    size_px = len(pose.u)
    tone = 1.0 + 0.05 * smooth_noise(rng, size_px, 3) + 0.012 * grain(rng, size_px)
    image = np.asarray(ground, dtype=np.float32) * tone[..., None]
    fields = [part.shape(pose.u, pose.v) * np.float32(pose.pixels_per_unit) for part in parts]
    cover = np.max([np.clip(0.5 - field, 0, 1) for field in fields], axis=0)
    image *= 1.0 - 0.35 * _shadow(cover, light)[..., None]
    surfaces = rng.spawn(len(parts))
    for part, field, own in zip(parts, fields, surfaces, strict=True):
        alpha = np.clip(0.5 - field, 0, 1)[..., None]
        image = image * (1 - alpha) + _shade(own, part, field, pose, light) * alpha
    image *= _illumination(pose, light, size_px)[..., None]
    image *= np.asarray(light.tint, dtype=np.float32)
    image += 0.006 * grain(rng, size_px, 0.5)[..., None]
    return Rendering(
        image=np.clip(image, 0, 1).astype(np.float32),
        cover=cover.astype(np.float32),
        pose=pose,
    )


def _shadow(cover: Array, light: Light) -> Array:
    reach = len(cover) * 0.03
    fallen = shift(cover, (-light.y * reach, -light.x * reach), order=1, mode="nearest")
    return np.asarray(gaussian_filter(fallen, len(cover) * 0.02))


def _illumination(pose: Pose, light: Light, size_px: int) -> Array:
    axis = np.linspace(-1, 1, size_px, dtype=np.float32)
    slope = light.x * axis[None, :] + light.y * axis[:, None]
    del pose
    return np.asarray(light.strength * (1.0 + 0.07 * slope), dtype=np.float32)


def _shade(rng: np.random.Generator, part: Part, field: Array, pose: Pose, light: Light) -> Array:
    """Colour `[S, S, 3]` of a part, with its surface and the shading of its rounded edge."""
    width = max(part.bevel * pose.pixels_per_unit, 1.0)
    height = -np.clip(field / width, -1, 0)
    slope_y, slope_x = np.gradient(field)
    edge = (1.0 - height) * (field > -width)
    facing = (slope_x * light.x + slope_y * light.y) * edge * part.relief
    shade = 1.0 + 0.33 * facing
    if part.surface is not None:
        shade = shade + part.surface_strength * part.surface(rng, pose.u, pose.v)
    colour = np.asarray(part.colour, dtype=np.float32) * shade[..., None]
    highlight = part.gloss * np.clip(facing, 0, 1) ** 2
    return np.asarray(colour + highlight[..., None], dtype=np.float32)
