"""95 % bootstrap intervals of image and pixel AUROC.

Within each class, good and defective images are resampled with replacement, as many of each as
there are. All pixels of an image are resampled together, as they are not independent.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from demo.metrics import Figures, Scored

RESAMPLES = 1000
PIXEL_BINS = 1024
PERCENTILES = (2.5, 97.5)

Array = npt.NDArray[np.float64]
Resampled = dict[str, Array]


def resample(images: Sequence[Scored], *, seed: int = 0) -> Resampled:
    """AUROC of each resample of one class, `[RESAMPLES]` for `image` and `pixel`.

    Pixels are counted in `PIXEL_BINS` quantile bins, which changes the AUROC by less than 0.001;
    image scores are counted exactly.
    """
    bad = np.array([image.defect is not None for image in images])
    weights = _resample_counts(bad, np.random.default_rng(seed))
    scores = np.array([[image.score] for image in images])
    score_edges = np.unique(scores)
    maps = np.stack([image.anomaly_map.ravel() for image in images])
    map_edges = np.unique(np.quantile(maps, np.linspace(0, 1, PIXEL_BINS)))
    masks = np.stack([image.mask.ravel() for image in images])
    return {
        "image": _resampled_auroc(weights, scores, bad[:, None], score_edges),
        "pixel": _resampled_auroc(weights, maps, masks, map_edges),
    }


def interval(values: Array, name: str) -> Figures:
    """The 95 % interval of `values`, as `NAME_low` and `NAME_high`."""
    low, high = np.percentile(values, PERCENTILES)
    return {f"{name}_low": float(low), f"{name}_high": float(high)}


def intervals(classes: Mapping[str, Sequence[Scored]]) -> tuple[dict[str, Figures], Figures]:
    """The intervals of each class, and of the mean over classes."""
    drawn = {
        name: resample(images, seed=place) for place, (name, images) in enumerate(classes.items())
    }
    each = {
        name: {**interval(found["image"], "image"), **interval(found["pixel"], "pixel")}
        for name, found in drawn.items()
    }
    mean: Figures = {}
    for level in ("image", "pixel"):
        mean |= interval(np.mean([found[level] for found in drawn.values()], axis=0), level)
    return each, mean


def _resample_counts(bad: npt.NDArray[np.bool_], rng: np.random.Generator) -> Array:
    """How often each image occurs in each resample: `[RESAMPLES, N]`."""
    weights = np.zeros((RESAMPLES, len(bad)))
    for group in (np.flatnonzero(bad), np.flatnonzero(~bad)):
        equal = np.full(len(group), 1 / len(group))
        weights[:, group] = rng.multinomial(len(group), equal, size=RESAMPLES)
    return weights


def _resampled_auroc(
    weights: Array, values: Array, truth: npt.NDArray[np.bool_], edges: Array
) -> Array:
    """AUROC `[RESAMPLES]` from counts per image; `values` and `truth` are `[N, M]`."""
    places = np.searchsorted(edges, values, side="right")
    bins = len(edges) + 1
    truth = np.broadcast_to(truth, values.shape)
    positive, negative = (
        np.stack(
            [np.bincount(row[keep], minlength=bins) for row, keep in zip(places, kept, strict=True)]
        )
        for kept in (truth, ~truth)
    )
    hits, misses = weights @ positive, weights @ negative
    below = np.cumsum(misses, axis=1) - misses / 2
    won: Array = (hits * below).sum(axis=1)
    return np.asarray(won / (hits.sum(axis=1) * misses.sum(axis=1)))
