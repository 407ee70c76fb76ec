"""The number of good and of defective images in a report."""

from collections.abc import Iterable, Iterator

from diad_deploy.report.results import ResultRow


class DecisionCounts:
    """Counts the decisions in rows."""

    def __init__(self) -> None:
        self._good = 0
        self._defect = 0

    def count(self, rows: Iterable[ResultRow]) -> Iterator[ResultRow]:
        """Yield the rows and count their decisions."""
        for row in rows:
            self._good += row.decision == "good"
            self._defect += row.decision == "defect"
            yield row

    def as_dict(self) -> dict[str, int]:
        """The counts as `good` and `defect`."""
        return {"good": self._good, "defect": self._defect}
