"""Agreement of the backends with the PyTorch reference on the same images and noise."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from diad_deploy.record import Record
from diad_export.verify.agreement import Outcome, Truth, choose_threshold, compare_outcomes


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy(Record):
    """A backend compared with the reference, like `diad-export verify` does.

    Attributes:
        pictures: number of compared images.
        threshold, threshold_from: threshold of the decision, and its origin.
        largest_difference: largest difference between the two scores of an image.
        least_correlation: smallest correlation between the two maps of an image.
        flipped: number of decisions that differ.
        image_auroc, pixel_auroc: those of the backend; None without labels or masks.
        image_auroc_change, pixel_auroc_change: those of the backend minus the reference's.
    """

    pictures: int
    threshold: float
    threshold_from: str
    largest_difference: float
    least_correlation: float
    flipped: int
    image_auroc: float | None
    pixel_auroc: float | None
    image_auroc_change: float | None
    pixel_auroc_change: float | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """A backend's results: indices of images, their maps and scores."""

    places: tuple[int, ...]
    outcome: Outcome

    @classmethod
    def read(cls, path: Path) -> "Found":
        """Read a file written by a backend's process."""
        with np.load(path, allow_pickle=False) as stored:
            return cls(
                places=tuple(int(place) for place in stored["places"]),
                outcome=Outcome(maps=stored["maps"], scores=stored["scores"]),
            )

    def only(self, places: tuple[int, ...]) -> Outcome:
        """The results for these images, all of which are present."""
        rows = [self.places.index(place) for place in places]
        return Outcome(maps=self.outcome.maps[rows], scores=self.outcome.scores[rows])


def compare_with_reference(reference: Found, row: Found, truth: Truth) -> Accuracy | None:
    """Compare the results on the images that both have; None if there are none.

    Args:
        reference: the reference's results.
        row: the backend's.
        truth: of all images, by place.
    """
    places = tuple(place for place in row.places if place in reference.places)
    if not places:
        return None
    known = Truth(
        names=tuple(truth.names[place] for place in places),
        defective=tuple(truth.defective[place] for place in places),
        masks=[truth.masks[place] for place in places],
    )
    want, got = reference.only(places), row.only(places)
    threshold, origin = choose_threshold(None, want.scores, known)
    found = compare_outcomes(want, got, known, threshold)
    return Accuracy(
        pictures=len(places),
        threshold=threshold,
        threshold_from=origin,
        largest_difference=found.largest_difference,
        least_correlation=found.least_correlation,
        flipped=len(found.flipped),
        image_auroc=known.image_auroc(got.scores),
        pixel_auroc=known.pixel_auroc(got.maps),
        image_auroc_change=found.image_auroc_change,
        pixel_auroc_change=found.pixel_auroc_change,
    )
