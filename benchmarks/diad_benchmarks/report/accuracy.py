"""Do the rows decide as the PyTorch reference does, on the same images and noise?"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from diad_deploy.record import Record
from diad_export.verify.agreement import Outcome, Truth, choose_threshold, compare_outcomes


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy(Record):
    """A row beside the reference, as `diad-export verify` compares them.

    Attributes:
        images: how many were compared.
        threshold: of the decision, and where it comes from.
        largest_difference: of any image's two scores.
        least_correlation: of any image's two maps.
        flipped: how many decisions differ.
        image_auroc, pixel_auroc: the row's own; None without labels or masks.
        image_auroc_change, pixel_auroc_change: the row's less the reference's.
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
    """What a row found: places of images, their maps and scores."""

    places: tuple[int, ...]
    outcome: Outcome

    @classmethod
    def read(cls, path: Path) -> "Found":
        """From a file that a row's process wrote."""
        with np.load(path, allow_pickle=False) as stored:
            return cls(
                places=tuple(int(place) for place in stored["places"]),
                outcome=Outcome(maps=stored["maps"], scores=stored["scores"]),
            )

    def only(self, places: tuple[int, ...]) -> Outcome:
        """What was found at these places, all of which are here."""
        rows = [self.places.index(place) for place in places]
        return Outcome(maps=self.outcome.maps[rows], scores=self.outcome.scores[rows])


def compare_with_reference(reference: Found, row: Found, truth: Truth) -> Accuracy | None:
    """The row beside the reference, on the images that both ran; None where there are none.

    Args:
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
