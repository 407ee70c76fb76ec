"""Percentiles and variation of repeated times."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from diad_deploy.errors import OptionError
from diad_deploy.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread(Record):
    """Milliseconds of repeated runs.

    Percentiles are interpolated linearly. With few runs (`count`) the 99th percentile is nearly the
    slowest one.

    Attributes:
        relative_iqr: the interquartile range as a share of the median.
        samples_ms: every run, in order.
    """

    count: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    fastest_ms: float
    slowest_ms: float
    relative_iqr: float
    samples_ms: tuple[float, ...]


def spread_of(seconds: Sequence[float]) -> Spread:
    """The spread of these times.

    Raises:
        OptionError: there are none.
    """
    if not seconds:
        raise OptionError("no times were measured; run at least one round")
    samples = 1e3 * np.asarray(seconds, dtype=np.float64)
    low, p50, high, p90, p99 = np.percentile(samples, (25, 50, 75, 90, 99)).tolist()
    return Spread(
        count=len(samples),
        p50_ms=p50,
        p90_ms=p90,
        p99_ms=p99,
        fastest_ms=float(samples.min()),
        slowest_ms=float(samples.max()),
        relative_iqr=(high - low) / p50 if p50 > 0 else 0.0,
        samples_ms=tuple(float(value) for value in samples),
    )
