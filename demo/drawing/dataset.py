"""Samples, and the seeds of the training, validation and test splits."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeVar, get_args

import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_closing

from demo.drawing.defects import DEFECTS, HELD_OUT_DEFECTS, PAINTED, REARRANGED, defects_for
from demo.drawing.products import PRODUCTS
from demo.drawing.rendering import Rendering, draw_light, draw_pose, render
from demo.drawing.textures import draw_generic
from diad_deploy.errors import OptionError

T = TypeVar("T")
Split = Literal["train", "validation", "test"]
Images = npt.NDArray[np.uint8]

CHANGED = 0.045
"""A pixel is defective where a channel differs by more than this share of full scale."""
SMALLEST_DEFECT_SHARE = 0.001
ATTEMPTS = 20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """An RGB image, uint8 `[S, S, 3]`, and the mask of its defect, bool `[S, S]`."""

    image: Images
    mask: npt.NDArray[np.bool_]
    product: str
    defect: str | None
    seed: tuple[int, ...]


def draw_sample(
    product: str, seed: Sequence[int], *, defect: str | None = None, size_px: int = 128
) -> Sample:
    """Draw an image of `product`; the same arguments give the same bytes.

    Raises:
        OptionError: there is no such product, or it cannot have this defect.
    """
    if product not in PRODUCTS:
        raise OptionError(f"product {product!r}: expected one of {', '.join(PRODUCTS)}")
    if defect is not None and defect not in defects_for(product):
        raise OptionError(
            f"defect {defect!r} of {product}: expected one of {', '.join(defects_for(product))}"
        )
    good = _draw(product, seed, size_px, None, 0)
    mask = np.zeros(good.cover.shape, dtype=np.bool_)
    image = good.image
    for attempt in range(ATTEMPTS if defect is not None else 0):
        image = _draw(product, seed, size_px, defect, attempt).image
        mask = _changed(good.image, image)
        if mask.mean() >= SMALLEST_DEFECT_SHARE:
            break
    return Sample(
        image=np.rint(image * 255).astype(np.uint8),
        mask=mask,
        product=product,
        defect=defect,
        seed=tuple(seed),
    )


def _draw(
    product: str, seed: Sequence[int], size_px: int, defect: str | None, attempt: int
) -> Rendering:
    spec = PRODUCTS[product]
    piece, place, light, surface = np.random.default_rng(list(seed)).spawn(4)
    fault = np.random.default_rng([*seed, 1, attempt])
    parts = spec.parts(piece)
    pose = draw_pose(place, size_px, turn_rad=spec.turn_rad)
    if defect in REARRANGED:
        # each part has its own surface, so that a missing part changes nothing else
        parts = REARRANGED[defect](fault, parts)
    drawing = render(surface, parts, spec.ground, pose, draw_light(light))
    if defect in PAINTED:
        painted = np.clip(PAINTED[defect](fault, drawing), 0, 1).astype(np.float32)
        return Rendering(image=painted, cover=drawing.cover, pose=drawing.pose)
    return drawing


def _changed(good: npt.NDArray[np.float32], bad: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    different = np.abs(good - bad).max(axis=-1) > CHANGED
    return np.asarray(binary_closing(different, iterations=1) | different)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The arguments of `draw_sample` for an image of a split."""

    product: str
    seed: tuple[int, ...]
    defect: str | None = None


def split_requests(split: Split, per_product: int) -> list[Request]:
    """The images of a split: only good ones for training, half defective ones for the others.

    Seeds begin with the numbers of split and product, so no two splits share an image.

    Raises:
        OptionError: there is no such split.
    """
    if split not in get_args(Split):
        raise OptionError(f"split {split!r}: expected one of {', '.join(get_args(Split))}")
    number = get_args(Split).index(split)
    requests = []
    for place, product in enumerate(PRODUCTS):
        kinds = _kinds(split, product)
        for index in range(per_product):
            bad = split != "train" and index % 2 == 1
            defect = kinds[index // 2 % len(kinds)] if bad else None
            requests.append(Request(product=product, seed=(number, place, index), defect=defect))
    return requests


def _kinds(split: Split, product: str) -> tuple[str, ...]:
    kinds = defects_for(product)
    return kinds if split == "test" else tuple(k for k in kinds if k not in HELD_OUT_DEFECTS)


def draw_split(split: Split, *, per_product: int, size_px: int = 128) -> Iterator[Sample]:
    """Draw the samples of a split, product by product."""
    for request in split_requests(split, per_product):
        yield draw_request(request, size_px=size_px)


def draw_request(request: Request, *, size_px: int) -> Sample:
    """Draw the requested sample."""
    return draw_sample(request.product, request.seed, defect=request.defect, size_px=size_px)


def draw_training_images(per_product: int, *, size_px: int, workers: int = 2) -> Images:
    """All good training images: uint8 `[N, S, S, 3]`."""
    requests = split_requests("train", per_product)
    return _draw_all(partial(_image, size_px=size_px), requests, workers)


def draw_generic_images(count: int, *, size_px: int, workers: int = 2) -> Images:
    """Generic images without products: uint8 `[N, S, S, 3]`."""
    return _draw_all(partial(draw_generic, size_px=size_px), range(count), workers)


def _image(request: Request, *, size_px: int) -> Images:
    return draw_request(request, size_px=size_px).image


def _draw_all(draw: Callable[[T], Images], wanted: Sequence[T], workers: int) -> Images:
    with ProcessPoolExecutor(workers) as pool:
        return np.stack(list(pool.map(draw, wanted, chunksize=32)))


__all__ = [
    "DEFECTS",
    "HELD_OUT_DEFECTS",
    "PRODUCTS",
    "Request",
    "Sample",
    "Split",
    "draw_generic_images",
    "draw_sample",
    "draw_split",
    "draw_training_images",
    "split_requests",
]
