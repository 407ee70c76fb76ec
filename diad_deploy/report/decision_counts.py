"""How many images of a report are good and how many defective."""

from collections.abc import Iterable, Iterator

from diad_deploy.report.results import ResultRow


class DecisionCounts:
    """Counts rows as they go by."""

    def __init__(self) -> None:
        self._good = 0
        self._defect = 0

    def counting(self, rows: Iterable[ResultRow]) -> Iterator[ResultRow]:
        """The same rows."""
        for row in rows:
            self._good += row.decision == "good"
            self._defect += row.decision == "defect"
            yield row

    def as_dict(self) -> dict[str, int]:
        """`good` and `defect`, of the rows that went by."""
        return {"good": self._good, "defect": self._defect}
