"""Statistics over the images of a run, and the warnings that follow from them."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from threading import Lock
from typing import Any

from diad_deploy.images.formats.samples import Samples
from diad_deploy.images.formats.white_level import WhiteLevel

OVERSHOOT = 1.5
"""Values above this multiple of white are not noise: the white level is wrong."""
_DIM = 0.25
"""If no value reaches this fraction of white, at least two bits are unused."""
_CAMERA_BITS = (8, 10, 12, 14, 16, 24)


@dataclass(slots=True, kw_only=True)
class _Group:
    """Images of the same format, sample type and white level."""

    format: str
    white_of_type: float
    white: float
    is_float: bool
    settled: bool
    images: int = 0
    dim: int = 0
    over: int = 0
    peak: float = 0.0

    @property
    def key(self) -> tuple[str, float, float]:
        """Identifies the group."""
        return self.format, self.white_of_type, self.white


class Tally:
    """Counts images as they are read. Can be used by several threads."""

    def __init__(self, level: WhiteLevel) -> None:
        self._level = level
        self._lock = Lock()
        self._images = 0
        self._paged = 0
        self._is_complete = True
        self._groups: dict[tuple[str, float, float], _Group] = {}

    def add(self, samples: Samples, white: float | None) -> None:
        """Count an image; `white` is None if it has at most 8 bits per sample."""
        peak = samples.peak() if white is not None else 0.0
        with self._lock:
            self._images += 1
            self._paged += samples.note is not None
            if white is None:
                return
            new = _Group(
                format=samples.format,
                white_of_type=samples.white_of_type,
                white=white,
                is_float=samples.is_float,
                settled=self._level.value is not None or samples.stated is not None,
            )
            group = self._groups.setdefault(new.key, new)
            group.images += 1
            group.dim += peak < white * _DIM
            group.over += peak > white * OVERSHOOT
            group.peak = max(group.peak, peak)

    def mark_incomplete(self) -> None:
        """Note that an earlier part of the run was not counted."""
        self._is_complete = False

    def as_json(self) -> dict[str, Any] | None:
        """The counts, for a run that is resumed later; None if there is nothing to warn of."""
        with self._lock:
            if not self._groups and not self._paged:
                return None
            groups = [asdict(group) for group in self._groups.values()]
            return {"images": self._images, "paged": self._paged, "groups": groups}

    def add_json(self, counted: Mapping[str, Any]) -> None:
        """Add the counts of an earlier part of the run, as returned by `as_json`.

        Raises:
            KeyError, TypeError, ValueError: `counted` is not of that form.
        """
        earlier = [_Group(**values) for values in counted["groups"]]
        images, paged = int(counted["images"]), int(counted["paged"])
        with self._lock:
            self._images += images
            self._paged += paged
            for added in earlier:
                group = self._groups.setdefault(added.key, replace(added, images=0, dim=0, over=0))
                group.images += added.images
                group.dim += added.dim
                group.over += added.over
                group.peak = max(group.peak, added.peak)

    def warnings(self) -> tuple[str, ...]:
        """One sentence for each possible cause of wrong scores."""
        with self._lock:
            return tuple(self._warnings())

    def _warnings(self) -> Iterator[str]:
        if self._images and not self._groups and self._level.value is not None:
            yield (
                f"{self._level.option} had no effect: none of {self._images} images has more than "
                f"8 bits per sample"
            )
        for group in self._groups.values():
            if group.dim == group.images:
                yield self._dim(group)
            if group.over:
                yield self._over(group)
        if self._level.value is None:
            yield from self._differences()
        if self._paged:
            yield (
                f"{self._paged} of {self._images} images have several pages or frames, of which "
                f"only the first was read; their rows have a note"
            )

    def _differences(self) -> Iterator[str]:
        """Warn of files of the same type with different white levels."""
        types: dict[tuple[str, float], list[_Group]] = {}
        for group in self._groups.values():
            types.setdefault((group.format, group.white_of_type), []).append(group)
        for (name, _), groups in types.items():
            if len(groups) > 1:
                counts = ", ".join(f"{group.white:.10g} in {group.images}" for group in groups)
                yield (
                    f"{name} files differ in their white level: {counts} of {self._images} images; "
                    f"if they are from one camera, set --bit-depth"
                )

    def _dim(self, group: _Group) -> str:
        since = "" if self._is_complete else " read since the run was resumed"
        found = (
            f"{group.images} of {self._images} images{since} ({group.format}) are dark: white is "
            f"{group.white:.10g}, but no value is above {group.peak:.6g}"
        )
        if group.settled:
            return f"{found}; if this is not expected, check the bit depth that was set or stated"
        if group.is_float:
            return f"{found}; set the value that is white with --white"
        bits = next((n for n in _CAMERA_BITS if group.peak < 2**n), None)
        option = "--white" if bits is None else f"--bit-depth {bits}"
        return (
            f"{found}, so the upper bits are unused; set the camera's bit depth, such as {option}"
        )

    def _over(self, group: _Group) -> str:
        white = next((n for n in (255, 4095, 65535) if group.peak <= n * OVERSHOOT), group.peak)
        return (
            f"{group.over} of {self._images} images ({group.format}) have values above "
            f"{OVERSHOOT:g} times white ({group.white:.10g}), up to {group.peak:.6g}, and were "
            f"clipped; set the value that is white, such as --white {white:.6g}"
        )
