"""What the masks of a test set are like: judged one by one, counted, and told."""

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

IN_WORDS: dict[MaskFinding, str] = {
    "missing": "no mask",
    "failed": "cannot be used",
    "empty": "marks nothing",
    "full": "marks the whole image",
    "most": "marks most of the image",
    "lossy": "stored with loss",
}
REFUSED: tuple[MaskFinding, ...] = ("missing", "failed", "empty", "full", "lossy")
"""What `--strict` refuses: all but large masks, for a large defect is marked so rightly."""

_NAMED = 5
_NAMED_AS_ERROR = 20
_READERS = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CheckedMask:
    """The mask of a defective image.

    Attributes:
        marked: bool `[S, S]`; None where the image is left out of the pixel metrics.
        findings: what is to be said of it.
        fault: why it cannot be used, where it cannot.
    """

    marked: BoolArray | None = None
    findings: tuple[MaskFinding, ...] = ()
    fault: str | None = None


def check_mask(
    path: Path | None, size_px: int, *, image_size_px: tuple[int, int] | None
) -> CheckedMask:
    """Read the mask of a defective image.

    A mask that marks nothing at the model's size, or all of its image, says nothing of where the
    defect is.

    Args:
        path: of the mask; None where there is none.
        size_px: S.
        image_size_px: (height, width) of the image; None where that is not known.
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
    known = not {"full", "empty"} & set(findings)
    return CheckedMask(marked=marked if known else None, findings=tuple(findings))


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskCounts:
    """How many defective images of a set have no mask, or one of which something is to be said.

    Attributes:
        missing: no mask. failed: one that cannot be used.
        empty: one that marks nothing. full: one that marks the whole image.
        most: one that marks more than half of the image. lossy: one that was stored with loss.
    """

    missing: int = 0
    failed: int = 0
    empty: int = 0
    full: int = 0
    most: int = 0
    lossy: int = 0

    @property
    def image_only(self) -> int:
        """How many images count for the image metrics only."""
        return self.missing + self.failed + self.empty + self.full


class MaskTally:
    """The findings in a set, with the names of the images."""

    def __init__(self) -> None:
        self._names: dict[MaskFinding, list[str]] = {finding: [] for finding in IN_WORDS}

    def add(self, image: str, findings: Sequence[MaskFinding]) -> None:
        """Take what was found of a defective image's mask."""
        for finding in findings:
            self._names[finding].append(image)

    @property
    def counts(self) -> MaskCounts:
        """How many of each."""
        return MaskCounts(**{finding: len(names) for finding, names in self._names.items()})

    def notes(self, defective: int) -> Iterator[str]:
        """What to say of them, one line each; `defective` images were read."""
        counts, image_only = self.counts, "image metrics only"
        if counts.missing == defective > 0:
            yield f"no masks: {image_only}"
        elif counts.missing:
            yield (
                f"without a mask: {counts.missing} of {defective} defective images; {image_only} "
                f"(the published code takes all of such an image for defective)"
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
                f"({self._named('most')}); look whether they are black on white, for what is not "
                f"black counts as defective"
            )
        if counts.lossy:
            yield (
                f"masks stored with loss, as JPEG does: {counts.lossy} of {defective}; cut at half "
                f"of white, so save masks as PNG"
            )

    def refused(self) -> Iterator[str]:
        """What `--strict` refuses, with names."""
        for finding in REFUSED:
            if self._names[finding]:
                count, names = len(self._names[finding]), self._named(finding, _NAMED_AS_ERROR)
                yield f"{IN_WORDS[finding]}: {count} ({names})"

    def _named(self, finding: MaskFinding, most: int = _NAMED) -> str:
        names = self._names[finding]
        more = [f"and {len(names) - most} more"] if len(names) > most else []
        return ", ".join([*names[:most], *more])


def check_masks(
    images: Iterable[tuple[str, Path, Path | None]], size_px: int, *, limit_px: int = LIMIT_PX
) -> None:
    """Refuse a test set some of whose masks are left out, or were stored with loss.

    Args:
        images: of each defective one its name, its file and its mask (None where it has none).
        size_px: the model's.
        limit_px: most pixels of an image to decode.

    Raises:
        InputError: names all of them (of very many the first).
    """
    judge = partial(_judge_files, size_px=size_px, limit_px=limit_px)
    tally = MaskTally()
    for name, judged in prefetch(judge, images, threads=_READERS, max_pending=2 * _READERS):
        tally.add(name, judged.findings)
    refused = "; ".join(tally.refused())
    if refused:
        raise InputError(
            f"--strict: expected a mask that marks the defect, without loss, for each defective "
            f"image, found {refused}; correct them, or leave --strict away"
        )


def _judge_files(
    files: tuple[str, Path, Path | None], *, size_px: int, limit_px: int
) -> tuple[str, CheckedMask]:
    """The name, and its mask judged. The image is read for its size."""
    name, image, mask = files
    size = None
    # that it cannot be read is the run's to tell
    with suppress(ImageError):
        if mask is not None:
            samples = read_samples(image, limit_px=limit_px, raw=False)
            size = samples.values.shape[0], samples.values.shape[1]
    return name, check_mask(mask, size_px, image_size_px=size)
