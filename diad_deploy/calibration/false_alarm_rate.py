"""A threshold from good images alone, and the confidence interval of its false-alarm rate.

Take the scores of `n` good images that are independent and representative, and as the threshold
the score that `m - 1` of them exceed: the order statistic X(n + 1 - m). For any distribution of
scores, the share of all good images above it follows Beta(m, n + 1 - m) (S. S. Wilks,
"Determination of sample sizes for setting tolerance limits", Annals of Mathematical Statistics 12,
1941). Its mean is m / (n + 1), and its quantiles give the interval. Equal scores make the share
smaller, never larger.

`m` is the largest integer with m / (n + 1) <= rate, so that the next good image is a false alarm
with at most that probability, as in split conformal prediction. The smallest possible n is
1 / rate - 1, where the threshold is the highest score: 99 images for a rate of 1 in 100.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from diad_deploy.errors import InputError, OptionError

CONFIDENCE = 0.95
"""The confidence level of the intervals, which are symmetric in probability."""

_ROUNDING = 1e-9
_HALVINGS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class FalseAlarmRate:
    """The share of good images above a threshold: its expected value and its interval."""

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
    """The smallest number of good images for this rate."""
    return math.ceil(1.0 / rate - _ROUNDING) - 1


def reachable_rate(images: int) -> float:
    """The smallest rate that this number of good images allows."""
    return 1.0 / (images + 1)


def threshold_at(values: Sequence[float], rate: float) -> tuple[float, FalseAlarmRate]:
    """The threshold for a false-alarm rate, and the rate that can be expected of it.

    Args:
        values: the scores of good images, in any order.
        rate: the largest accepted share of good images above the threshold.

    Raises:
        OptionError: `rate` is not between 0 and 1.
        InputError: there are too few values, or some are not finite.
    """
    check_rate(rate)
    count = len(values)
    not_finite = [value for value in values if not math.isfinite(value)]
    if not_finite:
        raise InputError(
            f"{len(not_finite)} of {count} values of good images are not finite, the first is "
            f"{not_finite[0]:g}; expected finite numbers; leave these images out"
        )
    rank = math.floor((count + 1) * rate + _ROUNDING)
    if rank < 1:
        raise InputError(
            f"{count} good images: a false-alarm rate of {rate:g} needs at least "
            f"{needed_images(rate)}; add more, or use a rate of at least "
            f"{reachable_rate(count):.4g}"
        )
    rate_found = FalseAlarmRate(
        expected=rank / (count + 1),
        low=beta_quantile((1.0 - CONFIDENCE) / 2.0, rank, count + 1 - rank),
        high=beta_quantile((1.0 + CONFIDENCE) / 2.0, rank, count + 1 - rank),
    )
    return sorted(values)[count - rank], rate_found


def beta_quantile(share: float, a: int, b: int) -> float:
    """The quantile of Beta(a, b) at `share`, for integers a and b of at least 1.

    The distribution function is the upper tail of a binomial distribution:
    I_x(a, b) = P(Binomial(a + b - 1, x) >= a) (NIST Digital Library of Mathematical Functions,
    8.17.5).
    """
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        if _upper_tail(a, a + b - 1, middle) < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0


def _upper_tail(minimum: int, trials: int, p: float) -> float:
    """P(Binomial(trials, p) >= minimum), summed over the shorter tail."""
    if minimum <= trials - minimum + 1:
        return 1.0 - _probability(range(minimum), trials, p)
    return _probability(range(minimum, trials + 1), trials, p)


def _probability(counts: range, trials: int, p: float) -> float:
    """P(Binomial(trials, p) in counts)."""
    log_p, log_q, log_factorial = math.log(p), math.log1p(-p), math.lgamma(trials + 1)
    return math.fsum(
        math.exp(
            log_factorial
            - math.lgamma(count + 1)
            - math.lgamma(trials - count + 1)
            + count * log_p
            + (trials - count) * log_q
        )
        for count in counts
    )
