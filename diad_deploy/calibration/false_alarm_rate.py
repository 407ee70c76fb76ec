"""A threshold from good images only, and how sure its rate of false alarms is.

With the scores of `n` good images, independent and of the kind that will come, take as threshold
the one that `m - 1` of them exceed: the order statistic X(n + 1 - m). Whatever the scores'
distribution, the share of all good images that exceed it is then Beta(m, n + 1 - m) distributed
(S. S. Wilks, "Determination of sample sizes for setting tolerance limits", Annals of Mathematical
Statistics 12, 1941): m / (n + 1) on average, and its quantiles are the interval. Equal scores
make the share smaller, never larger.

`m` is the largest with m / (n + 1) <= rate, so that the next good image is a false alarm with at
most that probability (split conformal prediction takes the same one). There is such an m from
n = 1 / rate - 1 on, where the threshold is the highest score of all: 99 images for 1 in 100.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from diad_deploy.errors import InputError, OptionError

CONFIDENCE = 0.95
"""Of the intervals, half of the rest on either side."""

_ROUNDING = 1e-9
_HALVINGS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class FalseAlarmRate:
    """The share of good images above a threshold: expected, and the ends of its interval."""

    expected: float
    low: float
    high: float


def check_rate(rate: float) -> None:
    """Raise `OptionError` unless `rate` is above 0 and below 1."""
    if not 0.0 < rate < 1.0:
        raise OptionError(
            f"--false-alarm-rate {rate:g}: expected a number above 0 and below 1, such as 0.01 "
            f"for one good image in a hundred"
        )


def needed_images(rate: float) -> int:
    """The fewest good images that a threshold for this rate can be set from."""
    return math.ceil(1.0 / rate - _ROUNDING) - 1


def reachable_rate(images: int) -> float:
    """The smallest rate that a threshold from so many good images can be set for."""
    return 1.0 / (images + 1)


def threshold_at(values: Sequence[float], rate: float) -> tuple[float, FalseAlarmRate]:
    """The threshold for this rate, which values above exceed, and what its rate is.

    Args:
        values: of good images, in any order.
        rate: wanted share of good images above it.

    Raises:
        OptionError: `rate` is none. InputError: too few values, or some that are not finite.
    """
    check_rate(rate)
    count = len(values)
    odd = [value for value in values if not math.isfinite(value)]
    if odd:
        raise InputError(
            f"{len(odd)} of {count} values of good images are NaN or infinite, the first "
            f"{odd[0]:g}: expected finite numbers; leave these images out"
        )
    rank = math.floor((count + 1) * rate + _ROUNDING)
    if rank < 1:
        raise InputError(
            f"{count} good images: a false-alarm rate of {rate:g} needs at least "
            f"{needed_images(rate)}; take more, or a rate from {reachable_rate(count):.4g} on"
        )
    rate_found = FalseAlarmRate(
        expected=rank / (count + 1),
        low=beta_quantile((1.0 - CONFIDENCE) / 2.0, rank, count + 1 - rank),
        high=beta_quantile((1.0 + CONFIDENCE) / 2.0, rank, count + 1 - rank),
    )
    return sorted(values)[count - rank], rate_found


def beta_quantile(share: float, a: int, b: int) -> float:
    """Where the distribution function of Beta(a, b), whole a and b from 1 on, reaches `share`.

    It is the upper tail of a binomial: I_x(a, b) = P(Binomial(a + b - 1, x) >= a)
    (NIST Digital Library of Mathematical Functions, 8.17.5).
    """
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        if _at_least(a, a + b - 1, middle) < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0


def _at_least(least: int, trials: int, chance: float) -> float:
    """P(Binomial(trials, chance) >= least), summed over the shorter tail."""
    if least <= trials - least + 1:
        return 1.0 - _sum(range(least), trials, chance)
    return _sum(range(least, trials + 1), trials, chance)


def _sum(counts: range, trials: int, chance: float) -> float:
    yes, no, whole = math.log(chance), math.log1p(-chance), math.lgamma(trials + 1)
    return math.fsum(
        math.exp(
            whole
            - math.lgamma(count + 1)
            - math.lgamma(trials - count + 1)
            + count * yes
            + (trials - count) * no
        )
        for count in counts
    )
