"""The results that the page shows: the highest scores, all scores as numbers, and the failures."""

from array import array
from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from diad_deploy.report.results import ResultRow

MAX_LISTED = 200
"""The most images with the highest scores, and the most failures, that the page lists."""
MAX_PER_FOLDER = 5
"""The images of each folder that the page lists even if other folders have higher scores."""
MAX_FOLDERS = 40
"""With more folders than this, only the highest scores overall are listed."""


class HighestScores:
    """The highest scores so far, of all images and of each folder while there are few folders.

    The order in which images are added does not matter. Equal scores rank by name.
    """

    def __init__(
        self,
        limit: int = MAX_LISTED,
        per_folder: int = MAX_PER_FOLDER,
        max_folders: int = MAX_FOLDERS,
    ) -> None:
        self._all = _TopScores(limit)
        self._per_folder = per_folder
        self._max_folders = max_folders
        self._folders: dict[str, _TopScores] | None = {}

    def add(self, image: str, score: float) -> tuple[str, ...]:
        """Add an image; returns the names that drop out, which may include its own."""
        dropped = {self._all.add(image, score)}
        if self._folders is not None:
            folder = folder_of(image)
            ranked = self._folders.setdefault(folder, _TopScores(self._per_folder))
            dropped.add(ranked.add(image, score))
            if len(self._folders) > self._max_folders:
                dropped.update(name for folder in self._folders.values() for name in folder.names)
                self._folders = None
        return tuple(sorted(name for name in dropped if name is not None and name not in self))

    def __contains__(self, image: str) -> bool:
        if image in self._all.names:
            return True
        ranked = (self._folders or {}).get(folder_of(image))
        return ranked is not None and image in ranked.names

    def names(self) -> list[str]:
        """The names of the images, highest score first."""
        folders = (self._folders or {}).values()
        listed = set(self._all.ranked).union(*(ranked.ranked for ranked in folders))
        return [name for _, name in sorted(listed)]


class _TopScores:
    """The `limit` highest of the scores that are added, highest first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.ranked: list[tuple[float, str]] = []
        self.names: set[str] = set()

    def add(self, image: str, score: float) -> str | None:
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
        name: the class or folder.
        scores: float64, in the order of the rows.
        thresholds: the thresholds that were used.
        defects: the number of rows with the decision `defect`.
        decided: the number of rows with a decision.
    """

    name: str
    scores: "array[float]" = field(default_factory=lambda: array("d"))
    thresholds: set[float] = field(default_factory=set)
    defects: int = 0
    decided: int = 0

    def add(self, row: ResultRow) -> None:
        """Add a row that has a score."""
        self.scores.append(row.score or 0.0)
        if row.threshold is not None and row.decision is not None:
            self.thresholds.add(row.threshold)
            self.decided += 1
            self.defects += row.decision == "defect"


def group_name(row: ResultRow) -> str:
    """The class of the row, or its folder if it has none."""
    return folder_of(row.picture) if row.class_name is None else row.class_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """A summary of a report's results that takes eight bytes of memory per row.

    Attributes:
        highest: the rows with the highest scores, highest first.
        groups: all scores by class or folder, in the order of their first rows. If there are too
            many groups, the last one, `OTHERS`, has the scores of the rest.
        failures: the rows of the first images that failed.
        failed: the number of images that failed.
    """

    highest: tuple[ResultRow, ...]
    groups: tuple[Group, ...]
    failures: tuple[ResultRow, ...]
    failed: int

    @property
    def scored(self) -> int:
        """The number of images with a score."""
        return sum(len(group.scores) for group in self.groups)

    @property
    def decided(self) -> int:
        """The number of images with a decision."""
        return sum(group.decided for group in self.groups)

    @property
    def defects(self) -> int:
        """The number of defective images."""
        return sum(group.defects for group in self.groups)


OTHERS = "all others"


def rank(rows: Iterable[ResultRow], limit: int = MAX_LISTED) -> Ranking:
    """Summarize the rows of a report in one pass."""
    highest = HighestScores(limit)
    listed: dict[str, ResultRow] = {}
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
        listed[row.picture] = row
        for dropped in highest.add(row.picture, row.score):
            del listed[dropped]
    return Ranking(
        highest=tuple(listed[name] for name in highest.names()),
        groups=tuple(groups.values()),
        failures=tuple(failures),
        failed=failed,
    )
