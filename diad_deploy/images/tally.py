"""What a run has to say about its images once it has read them all."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from threading import Lock
from typing import Any

from diad_deploy.images.formats.samples import Samples
from diad_deploy.images.formats.white_level import WhiteLevel

OVERSHOOT = 1.5
"""Values of more than this times white are no noise: white is another."""
_DIM = 0.25
"""Where nothing reaches this part of white, two bits and more are unused."""
_CAMERA_BITS = (8, 10, 12, 14, 16, 24)


@dataclass(slots=True, kw_only=True)
class _Group:
    """Images of one format whose samples are of one type and scaled alike."""

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
        """What tells it from others."""
        return self.format, self.white_of_type, self.white


class Tally:
    """Counts images as they are read, from several threads."""

    def __init__(self, level: WhiteLevel) -> None:
        self._level = level
        self._lock = Lock()
        self._images = 0
        self._paged = 0
        self._is_whole = True
        self._groups: dict[tuple[str, float, float], _Group] = {}

    def add(self, samples: Samples, white: float | None) -> None:
        """Count an image that was read; `white` is None where it has 8 bits and less."""
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

    def begin_late(self) -> None:
        """An earlier part of the run was not counted: what is told is then of the rest."""
        self._is_whole = False

    def as_json(self) -> dict[str, Any] | None:
        """What was counted, for a run that goes on later; None where nothing can be warned of."""
        with self._lock:
            if not self._groups and not self._paged:
                return None
            groups = [asdict(group) for group in self._groups.values()]
            return {"images": self._images, "paged": self._paged, "groups": groups}

    def add_json(self, counted: Mapping[str, Any]) -> None:
        """Take in what an earlier part of the run counted.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        earlier = [_Group(**values) for values in counted["groups"]]
        images, paged = int(counted["images"]), int(counted["paged"])
        with self._lock:
            self._images += images
            self._paged += paged
            for one in earlier:
                group = self._groups.setdefault(one.key, replace(one, images=0, dim=0, over=0))
                group.images += one.images
                group.dim += one.dim
                group.over += one.over
                group.peak = max(group.peak, one.peak)

    def warnings(self) -> tuple[str, ...]:
        """A sentence for each thing that may have made scores wrong; none for none."""
        with self._lock:
            return tuple(self._warnings())

    def _warnings(self) -> Iterator[str]:
        if self._images and not self._groups and self._level.value is not None:
            yield (
                f"{self._level.shown} changed nothing: none of {self._images} images has more "
                f"than 8 bits a sample"
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
                f"{self._paged} of {self._images} images have several pages or frames: only the "
                f"first was read; the rows say which"
            )

    def _differences(self) -> Iterator[str]:
        """Files of one kind that say different whites."""
        kinds: dict[tuple[str, float], list[_Group]] = {}
        for group in self._groups.values():
            kinds.setdefault((group.format, group.white_of_type), []).append(group)
        for (name, _), groups in kinds.items():
            if len(groups) > 1:
                counts = ", ".join(f"{group.white:.10g} in {group.images}" for group in groups)
                yield (
                    f"{name} files differ in the value that is white: {counts} of {self._images} "
                    f"images; where one camera wrote them all, give --bit-depth"
                )

    def _dim(self, group: _Group) -> str:
        since = "" if self._is_whole else " read since the run went on"
        found = (
            f"{group.images} of {self._images} images{since} ({group.format}) are dark: white is "
            f"{group.white:.10g}, and none holds more than {group.peak:.6g}"
        )
        if group.settled:
            return f"{found}; where that is not as it should be, another depth was given or stated"
        if group.is_float:
            return f"{found}; give the value that is white with --white"
        bits = next((n for n in _CAMERA_BITS if group.peak < 2**n), None)
        way = "--white" if bits is None else f"--bit-depth {bits}"
        return f"{found}, so their upper bits are unused; give the camera's depth, such as {way}"

    def _over(self, group: _Group) -> str:
        white = next((n for n in (255, 4095, 65535) if group.peak <= n * OVERSHOOT), group.peak)
        return (
            f"{group.over} of {self._images} images ({group.format}) hold values over "
            f"{OVERSHOOT:g} times white ({group.white:.10g}), up to {group.peak:.6g}, and were "
            f"clipped; give the value that is white, such as --white {white:.6g}"
        )
