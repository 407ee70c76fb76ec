"""The images that all rows run: the demo's own, drawn with labels and masks, or the user's."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from demo.drawing.dataset import draw_split
from demo.drawing.products import PRODUCTS
from diad_deploy.arrays import ImageArray
from diad_deploy.images.reader import ImageReader
from diad_export.verify.agreement import Truth
from diad_export.verify.labelled_images import find_labelled


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageSet:
    """Images uint8 `[N, S, S, 3]`, what is known of them, and where they come from."""

    pixels: npt.NDArray[np.uint8]
    truth: Truth
    source: str

    def save(self, path: Path) -> Path:
        """Write the pixels for the rows' processes."""
        np.save(path, self.pixels)
        return path


def draw_images(count: int, *, size_px: int) -> ImageSet:
    """`count` of the demo's test images, of every product as many, every second one defective."""
    per_product = 2 * -(-count // (2 * len(PRODUCTS)))
    samples = list(draw_split("test", per_product=per_product, size_px=size_px))
    # products in turn, good and defective ones in turn, so that the first few show all of it
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
    """`count` images of a folder, evenly spread, resized as the runtime does it.

    Raises:
        InputError: there are none. ImageError: one cannot be read.
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


def write_files(images: Sequence[ImageArray], folder: Path) -> list[Path]:
    """The images as PNG files."""
    folder.mkdir(parents=True)
    paths = []
    for place, pixels in enumerate(images):
        path = folder / f"{place:04d}.png"
        Image.fromarray(pixels).save(path)
        paths.append(path)
    return paths


def _resized(pixels: ImageArray, size_px: int) -> ImageArray:
    small = Image.fromarray(pixels).resize((size_px, size_px), Image.Resampling.BILINEAR)
    return np.asarray(small, dtype=np.uint8)
