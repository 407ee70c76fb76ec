"""The images for all backends: drawn with labels and masks, or read from files."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from diad_deploy.arrays import ImageArray
from diad_deploy.bundle.folder import builtin_images
from diad_deploy.images.discover import find_images
from diad_deploy.images.reader import ImageReader, read_image
from diad_export.verify.agreement import Truth
from diad_export.verify.labelled_images import find_labelled

DEFECTIVE_EVERY = 10
"""Every image of `demo_image` with a multiple of this number has a defect."""
SPLIT = 8
"""First seed of `demo_image`, which no split of the demo's data set uses."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageSet:
    """Images uint8 `[N, S, S, 3]`, their labels and masks if known, and their origin."""

    pixels: npt.NDArray[np.uint8]
    truth: Truth
    source: str

    def save(self, path: Path) -> Path:
        """Write the pixels for the backends' processes."""
        np.save(path, self.pixels)
        return path


def default_images(count: int, *, size_px: int) -> ImageSet:
    """The demo's images in a checkout; elsewhere the built-in ones, which may be fewer."""
    try:
        return draw_images(count, size_px=size_px)
    except ModuleNotFoundError:  # a wheel does not contain the demo
        return read_images(builtin_images(), count, size_px=size_px)


def draw_images(count: int, *, size_px: int) -> ImageSet:
    """`count` of the demo's test images: equally many of every product, half of them defective.

    Raises:
        ModuleNotFoundError: the demo or a package that it needs is not installed.
    """
    from demo.drawing.dataset import draw_split
    from demo.drawing.products import PRODUCTS

    per_product = 2 * -(-count // (2 * len(PRODUCTS)))
    samples = list(draw_split("test", per_product=per_product, size_px=size_px))
    # products alternate, and so do good and defective: the first few images show all kinds
    order = [
        product * per_product + (turn + product) % per_product
        for turn in range(per_product)
        for product in range(len(PRODUCTS))
    ]
    chosen = [samples[place] for place in order[:count]]
    return ImageSet(
        pixels=np.stack([sample.image for sample in chosen]),
        truth=Truth(
            names=tuple("-".join(map(str, (s.product, *s.seed))) for s in chosen),
            defective=tuple(sample.defect is not None for sample in chosen),
            masks=[sample.mask for sample in chosen],
        ),
        source=f"{count} of the demo's test images, drawn at {size_px} px",
    )


def read_images(folder: Path, count: int, *, size_px: int) -> ImageSet:
    """At most `count` images of a folder, evenly spread, resized like the runtime does.

    Raises:
        InputError: the folder has none.
        ImageError: one cannot be read.
    """
    labelled, reader = find_labelled(folder, most=count), ImageReader()
    pixels = np.stack([_resized(image.read(reader), size_px) for image in labelled])
    warned = "".join(f"; warning: {warning}" for warning in reader.warnings())
    return ImageSet(
        pixels=pixels,
        truth=Truth(
            names=tuple(image.name for image in labelled),
            defective=tuple(image.defective for image in labelled),
            masks=[image.read_mask(size_px) for image in labelled],
        ),
        source=f"{len(labelled)} images of {folder.name}, resized to {size_px} px{warned}",
    )


def demo_image(number: int) -> ImageArray:
    """One of the demo's images, some of them defective: uint8 `[H, W, 3]`.

    Outside of a checkout, one of the built-in images.
    """
    try:
        from demo.drawing.dataset import PRODUCTS, draw_sample
        from demo.drawing.defects import defects_for
    except ModuleNotFoundError:
        files = find_images([builtin_images()])
        return read_image(files[number % len(files)].path)
    product = sorted(PRODUCTS)[number % len(PRODUCTS)]
    kinds = defects_for(product)
    defect = kinds[number % len(kinds)] if number % DEFECTIVE_EVERY == 0 else None
    return draw_sample(product, (SPLIT, number), defect=defect, size_px=128).image


def write_files(images: Sequence[ImageArray], folder: Path) -> list[Path]:
    """Write the images as PNG files into a new folder."""
    folder.mkdir(parents=True)
    paths = [folder / f"{place:04d}.png" for place in range(len(images))]
    for path, pixels in zip(paths, images, strict=True):
        path.write_bytes(png_bytes(pixels))
    return paths


def png_bytes(image: ImageArray) -> bytes:
    """The image as the content of a PNG file."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def _resized(pixels: ImageArray, size_px: int) -> ImageArray:
    small = Image.fromarray(pixels).resize((size_px, size_px), Image.Resampling.BILINEAR)
    return np.asarray(small, dtype=np.uint8)
