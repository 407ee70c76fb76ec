"""What of all results the page shows: the highest scores, all scores as numbers, the failures."""

from array import array
from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from diad_deploy.report.results import ResultRow

SHOWN = 200
"""Most images of the highest scores, and most failures, that the page lists."""
SHOWN_OF_FOLDER = 5
"""Images of each folder that the page shows whatever the others' scores."""
MAX_FOLDERS = 40
"""With more folders than this only the highest of all are shown."""


class Highest:
    """The highest scores so far: of all, and of each folder while there are few folders.

    Which they are depends on the scores alone, not on the order of arrival; equal ones rank by
    name.
    """

    def __init__(
        self, limit: int = SHOWN, of_folder: int = SHOWN_OF_FOLDER, most_folders: int = MAX_FOLDERS
    ) -> None:
        self._all = _Ranked(limit)
        self._of_folder = of_folder
        self._most_folders = most_folders
        self._folders: dict[str, _Ranked] | None = {}

    def offer(self, image: str, score: float) -> tuple[str, ...]:
        """Take an image in, and give back the names that drop out by it, maybe its own."""
        losers = {self._all.offer(image, score)}
        if self._folders is not None:
            folder = folder_of(image)
            ranked = self._folders.setdefault(folder, _Ranked(self._of_folder))
            losers.add(ranked.offer(image, score))
            if len(self._folders) > self._most_folders:
                losers.update(name for folder in self._folders.values() for name in folder.names)
                self._folders = None
        losers.discard(None)
        return tuple(sorted(name for name in losers if name is not None and name not in self))

    def __contains__(self, image: str) -> bool:
        if image in self._all.names:
            return True
        ranked = (self._folders or {}).get(folder_of(image))
        return ranked is not None and image in ranked.names

    def names(self) -> list[str]:
        """The images, highest score first."""
        folders = (self._folders or {}).values()
        kept = set(self._all.ranked).union(*(ranked.ranked for ranked in folders))
        return [name for _, name in sorted(kept)]


class _Ranked:
    """The first `limit` of what is offered, highest score first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.ranked: list[tuple[float, str]] = []
        self.names: set[str] = set()

    def offer(self, image: str, score: float) -> str | None:
        insort(self.ranked, (-score, image))
        self.names.add(image)
        if len(self.ranked) <= self._limit:
            return None
        _, dropped = self.ranked.pop()
        self.names.discard(dropped)
        return dropped


def folder_of(image: str) -> str:
    """The folder in an image's name."""
    return str(PurePosixPath(image).parent)


@dataclass(slots=True, kw_only=True, eq=False)
class Group:
    """The scores of one class, or of one folder where rows have no class.

    Attributes:
        name: of the class or folder.
        scores: float64, in the rows' order.
        thresholds: those that decided.
        defects: how many rows say `defect`.
        decided: how many rows say either.
    """

    name: str
    scores: "array[float]" = field(default_factory=lambda: array("d"))
    thresholds: set[float] = field(default_factory=set)
    defects: int = 0
    decided: int = 0

    def add(self, row: ResultRow) -> None:
        """Count a row that has a score."""
        self.scores.append(row.score or 0.0)
        if row.threshold is not None and row.decision is not None:
            self.thresholds.add(row.threshold)
            self.decided += 1
            self.defects += row.decision == "defect"


def group_name(row: ResultRow) -> str:
    """The class, or the folder where there is none."""
    return folder_of(row.picture) if row.class_name is None else row.class_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """A report's results, in memory that does not grow with them but for eight bytes a score.

    Attributes:
        highest: rows of the highest scores, highest first.
        groups: all scores by class or folder, in the order of their first rows; those of many
            groups in the last one, `OTHERS`.
        failures: rows of the first images that failed.
        failed: how many there were in all.
    """

    highest: tuple[ResultRow, ...]
    groups: tuple[Group, ...]
    failures: tuple[ResultRow, ...]
    failed: int

    @property
    def read(self) -> int:
        """How many images have a score."""
        return sum(len(group.scores) for group in self.groups)

    @property
    def decided(self) -> int:
        """How many images have a decision."""
        return sum(group.decided for group in self.groups)

    @property
    def defects(self) -> int:
        """How many of them are defective."""
        return sum(group.defects for group in self.groups)


OTHERS = "all others"


def rank(rows: Iterable[ResultRow], limit: int = SHOWN) -> Ranking:
    """Go through the rows once."""
    highest = Highest(limit)
    kept: dict[str, ResultRow] = {}
    groups: dict[str, Group] = {}
    failures: list[ResultRow] = []
    failed = 0
    for row in rows:
        if row.score is None:
            failed += 1
            if len(failures) < limit:
                failures.append(row)
            continue
        name = group_name(row)
        if name not in groups and len(groups) >= MAX_FOLDERS:
            name = OTHERS
        groups.setdefault(name, Group(name=name)).add(row)
        kept[row.picture] = row
        for dropped in highest.offer(row.picture, row.score):
            del kept[dropped]
    return Ranking(
        highest=tuple(kept[name] for name in highest.names()),
        groups=tuple(groups.values()),
        failures=tuple(failures),
        failed=failed,
    )
