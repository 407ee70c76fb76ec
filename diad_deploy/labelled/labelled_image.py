"""An image and its label."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from diad_deploy.arrays import BoolArray, ImageArray
from diad_deploy.images.classes import GOOD
from diad_deploy.images.formats.decode import read_samples
from diad_deploy.images.formats.opening import LIMIT_PX
from diad_deploy.images.reader import ImageReader
from diad_deploy.labelled.mask_findings import CheckedMask, check_mask


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledImage:
    """An image of a data set, with what its layout says about it.

    Attributes:
        path: the image's file.
        name: the path relative to the data set, with forward slashes.
        product: the class.
        kind: the kind of defect as the layout names it, `good` for a good image, and empty where
            the layout does not say.
        mask: the file that marks the defects; None where there is none. A good image needs none.
    """

    path: Path
    name: str
    product: str
    kind: str
    mask: Path | None = None

    @property
    def defective(self) -> bool | None:
        """Whether the image is labelled as defective; None where it has no label."""
        return self.kind != GOOD if self.kind else None

    def read(self, reader: ImageReader) -> ImageArray:
        """Decode the image: uint8 `[H, W, 3]`.

        Raises:
            ImageError: the image cannot be read.
        """
        return reader.read(self.path).pixels

    def check_mask(
        self,
        size_px: int,
        *,
        image_size_px: tuple[int, int] | None = None,
        limit_px: int = LIMIT_PX,
    ) -> CheckedMask:
        """Read and check the mask at the model's size.

        Nothing is marked in a good image. In an image without a label, an empty mask means that
        it is good.

        Args:
            size_px: the model's image size S.
            image_size_px: the image's (height, width); None reads it from the image.
            limit_px: the most pixels of an image to decode.

        Raises:
            ImageError: the image has to be read for its size and cannot be.
        """
        good = CheckedMask(marked=np.zeros((size_px, size_px), dtype=np.bool_))
        if self.defective is False:
            return good
        if self.mask is None:
            return CheckedMask(findings=("missing",) if self.defective else ())
        if image_size_px is None:
            samples = read_samples(self.path, limit_px=limit_px, raw=False)
            image_size_px = samples.values.shape[0], samples.values.shape[1]
        checked = check_mask(self.mask, size_px, image_size_px=image_size_px)
        if self.defective is None and "empty" in checked.findings:
            return good
        return checked

    def read_mask(self, size_px: int) -> BoolArray | None:
        """The defective pixels, bool `[S, S]`; None where they are not known."""
        return self.check_mask(size_px).marked
