"""Seeded surfaces: smooth noise, grain, brushed metal, wood and weave, each a map around zero."""

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.ndimage import gaussian_filter

Array = npt.NDArray[np.float32]


def smooth_noise(rng: np.random.Generator, size_px: int, cells: int) -> Array:
    """Soft blotches `[S, S]` from about -1 to 1, `cells` across."""
    coarse = rng.normal(0.0, 0.5, (cells + 2, cells + 2)).astype(np.float32)
    return np.asarray(Image.fromarray(coarse).resize((size_px, size_px), Image.Resampling.BICUBIC))


def grain(rng: np.random.Generator, size_px: int, sigma_px: float = 0.7) -> Array:
    """Fine noise `[S, S]` with a standard deviation of 1."""
    noise = rng.normal(0.0, 1.0, (size_px, size_px)).astype(np.float32)
    soft = gaussian_filter(noise, sigma_px) if sigma_px > 0 else noise
    return np.asarray(soft / max(float(soft.std()), 1e-6))


def brushed(rng: np.random.Generator, u: Array, v: Array) -> Array:
    """Lines along u, like brushed metal."""
    profile = gaussian_filter(rng.normal(0.0, 1.0, 256).astype(np.float32), 1.5)
    profile /= profile.std()
    place = np.clip((v + 1.5) / 3.0 * 255, 0, 255)
    del u
    return np.interp(place, np.arange(256), profile).astype(np.float32)


def wood(rng: np.random.Generator, u: Array, v: Array) -> Array:
    """Curved wood grain along u."""
    phase, bend = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.25)
    rings = v + bend * np.sin(1.6 * u + phase)
    fine = 0.35 * np.sin(43.0 * rings + 3.0 * np.sin(2.0 * u))
    return (np.sin(17.0 * rings + phase) * 0.65 + fine).astype(np.float32)


def weave(u: Array, v: Array, threads: float) -> Array:
    """A plain weave with `threads` threads per unit, alternating over and under."""
    a, b = u * threads, v * threads
    over = np.sign(np.sin(np.pi * a) * np.sin(np.pi * b))
    across, along = np.abs(np.sin(np.pi * a)), np.abs(np.sin(np.pi * b))
    return np.where(over > 0, across, along).astype(np.float32) * 2 - 1.2


def draw_generic(seed: int, size_px: int) -> npt.NDArray[np.uint8]:
    """A generic image without a product: uint8 `[S, S, 3]`.

    It has a random background with pasted shapes and strokes of all patterns, scales and colours.
    """
    rng = np.random.default_rng([4, seed])
    image = _ground(rng, size_px)
    for _ in range(int(rng.integers(2, 10))):
        image = _paste(rng, image)
    if rng.random() < 0.3:
        image += 0.03 * grain(rng, size_px)[..., None]
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)


def _coordinates(rng: np.random.Generator, size_px: int) -> tuple[Array, Array]:
    """Rotated and scaled coordinates of every pixel."""
    axis = np.linspace(-1, 1, size_px, dtype=np.float32)
    x, y = np.meshgrid(axis, axis)
    angle, scale = rng.uniform(0, 2 * np.pi), rng.uniform(0.6, 1.6)
    c, s = np.float32(np.cos(angle) * scale), np.float32(np.sin(angle) * scale)
    return c * x + s * y, c * y - s * x


def _pattern(rng: np.random.Generator, size_px: int) -> Array:
    u, v = _coordinates(rng, size_px)
    kind = int(rng.integers(7))
    if kind == 0:
        return smooth_noise(rng, size_px, int(rng.integers(2, 24)))
    if kind == 1:
        return 0.4 * grain(rng, size_px, float(rng.uniform(0.5, 3.0)))
    if kind == 2:
        return wood(rng, u, v)
    if kind == 3:
        return weave(u, v, float(rng.uniform(3, 10)))
    if kind == 4:
        return brushed(rng, u, v)
    if kind == 5:
        return np.sin(float(rng.uniform(3, 40)) * u).astype(np.float32)
    return (0.5 * u + 0.5 * v).astype(np.float32)


def _ground(rng: np.random.Generator, size_px: int) -> Array:
    base = rng.uniform(0.05, 0.95, 3).astype(np.float32)
    base += rng.uniform(0.0, 0.9) * (base.mean() - base)
    tint = (rng.normal(0.0, 0.12) + rng.normal(0.0, 0.06, 3)).astype(np.float32)
    return np.asarray(base + _pattern(rng, size_px)[..., None] * tint, dtype=np.float32)


def _paste(rng: np.random.Generator, image: Array) -> Array:
    size_px = len(image)
    u, v = _coordinates(rng, size_px)
    x, y = rng.uniform(-1, 1, 2)
    radius = float(np.exp(rng.uniform(np.log(0.04), np.log(0.8))))
    kind = int(rng.integers(4))
    if kind == 0:
        away = np.hypot(u - x, v - y) - radius
    elif kind == 1:
        away = np.maximum(np.abs(u - x) - radius, np.abs(v - y) - radius * rng.uniform(0.1, 1))
    elif kind == 2:
        away = np.abs(np.hypot(u - x, v - y) - radius) - radius * rng.uniform(0.05, 0.4)
    else:
        wave = 0.2 * np.sin(u * rng.uniform(1, 6) + x)
        away = np.abs(v - y - wave) - rng.uniform(0.01, 0.08)
    softness = float(rng.choice([1.2, 1.2, 6.0])) * 2.0 / size_px
    alpha = np.clip(0.5 - away / softness, 0, 1)[..., None] * rng.uniform(0.4, 1.0)
    return np.asarray(image * (1 - alpha) + _ground(rng, size_px) * alpha, dtype=np.float32)
