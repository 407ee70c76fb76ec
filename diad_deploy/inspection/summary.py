"""How far a run is, and how it ended."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

EXIT_DEFECTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is: images with a row, those of them that failed, and all."""

    done: int
    failed: int
    total: int


def no_progress(progress: Progress) -> None:
    """Report the progress to nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """How a run ended.

    Attributes:
        images: how many have a row in the report.
        ok: how many of them have a score.
        failed: how many could not be read or have no finite result.
        resumed: how many were taken over from an earlier run.
        seconds: the whole run; opening the bundle is not part of it.
        model_seconds: the part of it that the model took.
        pictures_per_second: over `seconds`, without those taken over.
        bundle, backend: what ran.
        devices: names of the devices that it ran on.
        backend_reason: why that backend.
        output, report: the report's folder and its page.
        highest: (image, score) of the highest scores, highest first.
        thresholds: what decided good or defective, in a few words; None where nothing did.
        decisions: how many rows are `good` and how many `defect`; None where nothing decided.
        fail_on_defect: whether a defective image shows in the exit status.
        warnings: what may have made scores wrong, a sentence each.
        passed_over: files that are images of a kind that is not read, by suffix.
    """

    pictures: int
    ok: int
    failed: int
    resumed: int
    seconds: float
    model_seconds: float
    pictures_per_second: float
    bundle: str
    backend: str
    devices: tuple[str, ...]
    backend_reason: str
    output: str
    report: str
    highest: tuple[tuple[str, float], ...]
    thresholds: str | None = None
    decisions: dict[str, int] | None = None
    fail_on_defect: bool = False
    warnings: tuple[str, ...] = ()
    passed_over: Mapping[str, int] = field(default_factory=dict)

    @property
    def exit_status(self) -> int:
        """0: all inspected. 1: some failed. 2: all failed. 3: defects, where asked for.

        3 comes before 1: who asks for defects must not lose one to an image that failed.
        """
        if self.fail_on_defect and self.decisions is not None and self.decisions["defect"]:
            return EXIT_DEFECTS
        if self.failed == 0:
            return 0
        return 1 if self.ok else 2

    def as_json(self) -> dict[str, Any]:
        """The fields, for `json.dumps`."""
        highest = [{"picture": image, "score": score} for image, score in self.highest]
        return {**asdict(self), "highest": highest}
