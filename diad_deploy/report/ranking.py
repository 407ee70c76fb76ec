"""What of all results the page shows: the highest scores, all scores as numbers, the failures."""

from array import array
from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass

from diad_deploy.report.results import ResultRow

SHOWN = 200
"""Most pictures, and most failures, that the page lists."""


class Highest:
    """The highest scores so far, of which there are at most `limit`.

    Equal scores rank by name, so that the order of arrival does not matter.
    """

    def __init__(self, limit: int = SHOWN) -> None:
        self._limit = limit
        self._ranked: list[tuple[float, str]] = []

    def offer(self, picture: str, score: float) -> str | None:
        """Take a picture in, and give back the name that drops out: its own, another, or none."""
        insort(self._ranked, (-score, picture))
        return self._ranked.pop()[1] if len(self._ranked) > self._limit else None

    def names(self) -> list[str]:
        """The pictures, highest score first."""
        return [name for _, name in self._ranked]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """A report's results, in memory that does not grow with them but for four bytes a score.

    Attributes:
        highest: rows of the highest scores, highest first.
        scores: all scores, float32, in the rows' order.
        failures: rows of the first pictures that could not be read.
        failed: how many there were in all.
    """

    highest: tuple[ResultRow, ...]
    scores: "array[float]"
    failures: tuple[ResultRow, ...]
    failed: int


def rank(rows: Iterable[ResultRow], limit: int = SHOWN) -> Ranking:
    """Go through the rows once."""
    highest = Highest(limit)
    kept: dict[str, ResultRow] = {}
    scores = array("f")
    failures: list[ResultRow] = []
    failed = 0
    for row in rows:
        if row.score is None:
            failed += 1
            if len(failures) < limit:
                failures.append(row)
            continue
        scores.append(row.score)
        kept[row.picture] = row
        dropped = highest.offer(row.picture, row.score)
        if dropped is not None:
            del kept[dropped]
    return Ranking(
        highest=tuple(kept[name] for name in highest.names()),
        scores=scores,
        failures=tuple(failures),
        failed=failed,
    )
