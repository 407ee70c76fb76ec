"""Checks of the masks of a test set, and messages about what they find."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from diad_deploy.arrays import BoolArray
from diad_deploy.errors import ImageError, InputError
from diad_deploy.images.formats.decode import read_samples
from diad_deploy.images.formats.opening import LIMIT_PX
from diad_deploy.labelled.masks import read_mask
from diad_deploy.streaming.prefetch import prefetch

MaskFinding = Literal["missing", "failed", "empty", "full", "most", "lossy"]

DESCRIPTIONS: dict[MaskFinding, str] = {
    "missing": "no mask",
    "failed": "cannot be used",
    "empty": "marks nothing",
    "full": "marks the whole image",
    "most": "marks most of the image",
    "lossy": "stored with loss",
}
REFUSED_BY_STRICT: tuple[MaskFinding, ...] = ("missing", "failed", "empty", "full", "lossy")
"""The findings that `--strict` refuses. A large mask can be right: the defect may be large."""

_MAX_NAMES = 5
_MAX_NAMES_IN_ERROR = 20
_READERS = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CheckedMask:
    """The checked mask of a defective image.

    Attributes:
        marked: the defective pixels, bool `[S, S]`; None if the mask cannot be used.
        findings: the problems found.
        fault: why the file could not be read; None if it could.
    """

    marked: BoolArray | None = None
    findings: tuple[MaskFinding, ...] = ()
    fault: str | None = None


def check_mask(
    path: Path | None, size_px: int, *, image_size_px: tuple[int, int] | None
) -> CheckedMask:
    """Read and check the mask of a defective image.

    A mask that marks nothing at the model's size, or the whole image, does not say where the
    defect is and cannot be used.

    Args:
        path: the mask's file; None if there is none.
        size_px: the model's image size S.
        image_size_px: (height, width) of the image; None if they are not known.
    """
    if path is None:
        return CheckedMask(findings=("missing",))
    try:
        mask = read_mask(path, image_size_px=image_size_px)
    except ImageError as error:
        return CheckedMask(findings=("failed",), fault=f"mask: {error.reason}")
    marked = mask.resized(size_px)
    findings: list[MaskFinding] = ["lossy"] if mask.lossy else []
    if mask.marked.all():
        findings.append("full")
    elif not marked.any():
        findings.append("empty")
    elif mask.marked.mean() > 0.5:
        findings.append("most")
    usable = not {"full", "empty"} & set(findings)
    return CheckedMask(marked=marked if usable else None, findings=tuple(findings))


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskCounts:
    """The number of defective images with each finding.

    Attributes:
        missing: no mask.
        failed: a mask that cannot be read.
        empty: a mask that marks nothing.
        full: a mask that marks the whole image.
        most: a mask that marks more than half of the image.
        lossy: a mask with lossy compression.
    """

    missing: int = 0
    failed: int = 0
    empty: int = 0
    full: int = 0
    most: int = 0
    lossy: int = 0

    @property
    def image_only(self) -> int:
        """The number of images without a usable mask, which count for image metrics only."""
        return self.missing + self.failed + self.empty + self.full


class MaskTally:
    """Collects the findings of a data set, with the names of the images."""

    def __init__(self) -> None:
        self._names: dict[MaskFinding, list[str]] = {finding: [] for finding in DESCRIPTIONS}

    def add(self, image: str, findings: Sequence[MaskFinding]) -> None:
        """Add the findings for the mask of a defective image."""
        for finding in findings:
            self._names[finding].append(image)

    @property
    def counts(self) -> MaskCounts:
        """The number of images with each finding."""
        return MaskCounts(**{finding: len(names) for finding, names in self._names.items()})

    def notes(self, defective: int) -> Iterator[str]:
        """Messages about the findings, one line each, for `defective` images that were read."""
        counts, image_only = self.counts, "image metrics only"
        if counts.missing == defective > 0:
            yield f"no masks: {image_only}"
        elif counts.missing:
            yield (
                f"without a mask: {counts.missing} of {defective} defective images; {image_only} "
                f"(the published code counts all pixels of such images as defective)"
            )
        if counts.failed:
            yield f"masks that cannot be used: {counts.failed} of {defective}; {image_only}"
        if counts.empty:
            yield (
                f"masks that mark nothing: {counts.empty} of {defective} ({self._named('empty')}); "
                f"{image_only} (the published code counts such images as good)"
            )
        if counts.full:
            yield (
                f"masks that mark the whole image: {counts.full} of {defective} "
                f"({self._named('full')}); {image_only}"
            )
        if counts.most:
            yield (
                f"masks that mark most of their image: {counts.most} of {defective} "
                f"({self._named('most')}); check whether they are inverted: every pixel that is "
                f"not black counts as defective"
            )
        if counts.lossy:
            yield (
                f"masks with lossy compression such as JPEG: {counts.lossy} of {defective}; "
                f"thresholded at half of white; save masks as PNG"
            )

    def refused(self) -> Iterator[str]:
        """Messages about the findings that `--strict` refuses, with the names of the images."""
        for finding in REFUSED_BY_STRICT:
            if self._names[finding]:
                count, names = len(self._names[finding]), self._named(finding, _MAX_NAMES_IN_ERROR)
                yield f"{DESCRIPTIONS[finding]}: {count} ({names})"

    def _named(self, finding: MaskFinding, limit: int = _MAX_NAMES) -> str:
        names = self._names[finding]
        more = [f"and {len(names) - limit} more"] if len(names) > limit else []
        return ", ".join([*names[:limit], *more])


def check_masks(
    images: Iterable[tuple[str, Path, Path | None]], size_px: int, *, limit_px: int = LIMIT_PX
) -> None:
    """Check that all masks of a test set can be used and have no lossy compression.

    Args:
        images: the name, the file and the mask (or None) of each defective image.
        size_px: the model's image size.
        limit_px: the most pixels of an image to decode.

    Raises:
        InputError: some do not; the message names the images, or the first of very many.
    """
    check = partial(_check_files, size_px=size_px, limit_px=limit_px)
    tally = MaskTally()
    for name, checked in prefetch(check, images, threads=_READERS, max_pending=2 * _READERS):
        tally.add(name, checked.findings)
    refused = "; ".join(tally.refused())
    if refused:
        raise InputError(
            f"--strict: expected for each defective image a mask that marks the defect, without "
            f"lossy compression; found {refused}; correct them, or omit --strict"
        )


def _check_files(
    files: tuple[str, Path, Path | None], *, size_px: int, limit_px: int
) -> tuple[str, CheckedMask]:
    """Check the mask of one image, which is read for its size."""
    name, image, mask = files
    size = None
    # the run reports images that cannot be read
    with suppress(ImageError):
        if mask is not None:
            samples = read_samples(image, limit_px=limit_px, raw=False)
            size = samples.values.shape[0], samples.values.shape[1]
    return name, check_mask(mask, size_px, image_size_px=size)
