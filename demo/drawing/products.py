"""The product classes and their parts. Each part varies a little between images."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from demo.drawing.rendering import Colour, Part
from demo.drawing.shapes import (
    box,
    capsule,
    disc,
    either,
    gear,
    moved,
    polygon,
    ring,
    sector,
    without,
)
from demo.drawing.textures import Array, brushed, smooth_noise, weave, wood

STEEL: Colour = (0.62, 0.64, 0.67)
BRASS: Colour = (0.76, 0.60, 0.30)
DARK: Colour = (0.13, 0.14, 0.16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A class of products.

    Attributes:
        name: of the class.
        parts: draws the parts of a good product, bottom first.
        ground: colour of the background.
        turn_rad: largest rotation in either direction.
    """

    name: str
    parts: Callable[[np.random.Generator], list[Part]]
    ground: Colour
    turn_rad: float


def vary(rng: np.random.Generator, colour: Colour, spread: float = 0.025) -> Colour:
    """A random variation of a colour in brightness and hue."""
    light = rng.normal(0.0, spread)
    hue = rng.normal(0.0, spread / 3, 3)
    r, g, b = (float(np.clip(c * (1 + light) + o, 0, 1)) for c, o in zip(colour, hue, strict=True))
    return (r, g, b)


def _blotches(rng: np.random.Generator, u: Array, v: Array) -> Array:
    del v
    return smooth_noise(rng, len(u), 6)


def _weave(rng: np.random.Generator, u: Array, v: Array) -> Array:
    del rng
    return weave(u, v, 4.0)


def _washer(rng: np.random.Generator) -> list[Part]:
    steel = vary(rng, STEEL)
    return [
        Part(
            shape=without(disc(0.66), disc(0.27)),
            colour=steel,
            bevel=0.07,
            surface=brushed,
            surface_strength=0.02,
            gloss=0.3,
        ),
        Part(shape=ring(0.46, 0.05), colour=vary(rng, (0.5, 0.52, 0.55)), bevel=0.03, relief=-1),
    ]


def _gear(rng: np.random.Generator) -> list[Part]:
    holes = [
        Part(
            shape=disc(0.1, 0.36 * np.cos(a), 0.36 * np.sin(a)),
            colour=DARK,
            bevel=0.03,
            relief=-1,
            removable=True,
        )
        for a in np.arange(5) * 2 * np.pi / 5 - np.pi / 2
    ]
    return [
        Part(shape=gear(0.62, 12, 0.07), colour=vary(rng, BRASS), bevel=0.06, gloss=0.3),
        *holes,
        Part(shape=polygon(6, 0.13), colour=vary(rng, (0.42, 0.44, 0.47)), bevel=0.05),
    ]


def _chip(rng: np.random.Generator) -> list[Part]:
    pins = [
        Part(
            shape=box(0.12, 0.05, side * 0.56, row, 0.02),
            colour=vary(rng, (0.74, 0.74, 0.72)),
            bevel=0.03,
            gloss=0.3,
            removable=True,
        )
        for side in (-1, 1)
        for row in np.linspace(-0.48, 0.48, 5)
    ]
    return [
        *pins,
        Part(shape=box(0.48, 0.66, corner=0.05), colour=vary(rng, (0.17, 0.18, 0.20)), bevel=0.06),
        Part(shape=disc(0.07, -0.3, -0.48), colour=vary(rng, (0.45, 0.46, 0.47)), relief=-1),
        Part(
            shape=either(box(0.26, 0.035, 0.02, 0.02), box(0.18, 0.035, -0.06, 0.17)),
            colour=vary(rng, (0.66, 0.66, 0.64)),
            relief=0,
            gloss=0.0,
        ),
    ]


def _capsule(rng: np.random.Generator) -> list[Part]:
    body = capsule(0.38, 0.29)
    return [
        Part(shape=body, colour=vary(rng, (0.90, 0.88, 0.82)), bevel=0.22, gloss=0.25),
        Part(
            shape=without(body, box(0.5, 0.5, -0.46, 0.0)),
            colour=vary(rng, (0.78, 0.22, 0.20)),
            bevel=0.22,
            gloss=0.25,
        ),
        Part(shape=box(0.02, 0.3, 0.04, 0.0), colour=vary(rng, (0.55, 0.25, 0.22)), relief=0),
        Part(
            shape=either(box(0.07, 0.02, -0.3, -0.03), box(0.07, 0.02, -0.3, 0.05)),
            colour=vary(rng, (0.35, 0.38, 0.45)),
            relief=0,
            gloss=0.0,
            removable=True,
        ),
    ]


def _screw(rng: np.random.Generator) -> list[Part]:
    steel = vary(rng, (0.58, 0.58, 0.60))
    threads = [
        Part(
            shape=moved(capsule(0.13, 0.035), 0.0, y, 0.22),
            colour=steel,
            bevel=0.035,
            gloss=0.3,
        )
        for y in np.arange(-0.12, 0.62, 0.145)
    ]
    return [
        Part(shape=box(0.11, 0.52, 0.0, 0.12, 0.05), colour=vary(rng, (0.46, 0.46, 0.48))),
        *threads,
        Part(shape=capsule(0.22, 0.15, 0.0, -0.48), colour=steel, bevel=0.12, gloss=0.35),
        Part(
            shape=box(0.2, 0.035, 0.0, -0.48),
            colour=DARK,
            relief=-1,
            bevel=0.03,
            removable=True,
        ),
    ]


def _fabric(rng: np.random.Generator) -> list[Part]:
    stripe = vary(rng, (0.72, 0.30, 0.26))
    cloth = {"surface": _weave, "surface_strength": 0.10, "bevel": 0.02, "gloss": 0.0}
    return [
        Part(shape=box(0.78, 0.78, corner=0.06), colour=vary(rng, (0.36, 0.46, 0.58)), **cloth),
        Part(shape=box(0.09, 0.77, -0.34), colour=stripe, removable=True, **cloth),
        Part(shape=box(0.09, 0.77, 0.34), colour=stripe, removable=True, **cloth),
    ]


def _board(rng: np.random.Generator) -> list[Part]:
    dowels = [
        Part(
            shape=disc(0.1, x, y),
            colour=vary(rng, (0.40, 0.27, 0.17)),
            relief=-1,
            bevel=0.04,
            removable=True,
        )
        for x in (-0.46, 0.46)
        for y in (-0.34, 0.34)
    ]
    return [
        Part(
            shape=box(0.74, 0.58, corner=0.08),
            colour=vary(rng, (0.70, 0.52, 0.33)),
            surface=wood,
            surface_strength=0.05,
            gloss=0.05,
        ),
        *dowels,
    ]


def _cookie(rng: np.random.Generator) -> list[Part]:
    drops = [
        Part(
            shape=disc(0.1, r * np.cos(a), r * np.sin(a)),
            colour=vary(rng, (0.27, 0.16, 0.10)),
            bevel=0.08,
            gloss=0.2,
            removable=True,
        )
        for r, a in [(0.0, 0.0), *((0.38, k * np.pi / 3) for k in range(6))]
    ]
    return [
        Part(
            shape=gear(0.64, 16, 0.025),
            colour=vary(rng, (0.80, 0.62, 0.38)),
            bevel=0.2,
            surface=_blotches,
            surface_strength=0.05,
            gloss=0.05,
        ),
        *drops,
    ]


def _connector(rng: np.random.Generator) -> list[Part]:
    wires: list[tuple[float, Colour]] = [
        (-0.36, (0.78, 0.20, 0.18)),
        (-0.12, (0.90, 0.76, 0.22)),
        (0.12, (0.22, 0.55, 0.30)),
        (0.36, (0.20, 0.34, 0.68)),
    ]
    leads = [
        Part(
            shape=box(0.075, 0.44, x, 0.44, 0.03),
            colour=vary(rng, colour),
            bevel=0.07,
            gloss=0.25,
            removable=True,
        )
        for x, colour in wires
    ]
    clip = sector(ring(0.2, 0.08, 0.0, -0.42), -np.pi, 0.0)
    return [
        *leads,
        Part(shape=box(0.56, 0.34, 0.0, -0.26, 0.06), colour=vary(rng, (0.88, 0.88, 0.86))),
        *(
            Part(shape=box(0.07, 0.13, x, -0.2, 0.02), colour=DARK, relief=-1, bevel=0.03)
            for x, _ in wires
        ),
        Part(shape=clip, colour=vary(rng, (0.70, 0.70, 0.69)), bevel=0.04),
    ]


PRODUCTS: dict[str, Product] = {
    product.name: product
    for product in (
        Product(name="board", parts=_board, ground=(0.50, 0.53, 0.52), turn_rad=0.14),
        Product(name="capsule", parts=_capsule, ground=(0.38, 0.44, 0.50), turn_rad=0.30),
        Product(name="chip", parts=_chip, ground=(0.22, 0.44, 0.34), turn_rad=0.12),
        Product(name="connector", parts=_connector, ground=(0.42, 0.41, 0.44), turn_rad=0.12),
        Product(name="cookie", parts=_cookie, ground=(0.62, 0.66, 0.68), turn_rad=0.20),
        Product(name="fabric", parts=_fabric, ground=(0.75, 0.73, 0.70), turn_rad=0.10),
        Product(name="gear", parts=_gear, ground=(0.30, 0.33, 0.38), turn_rad=0.24),
        Product(name="screw", parts=_screw, ground=(0.68, 0.64, 0.58), turn_rad=0.22),
        Product(name="washer", parts=_washer, ground=(0.26, 0.30, 0.36), turn_rad=0.40),
    )
}
"""The classes by name, in alphabetical order."""
