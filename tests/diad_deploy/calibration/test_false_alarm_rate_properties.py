"""Properties of a threshold from good images with any distribution of scores."""

from hypothesis import given
from hypothesis import strategies as st

from diad_deploy.calibration.false_alarm_rate import needed_images, threshold_at

RATES = st.floats(0.02, 0.9)
# many equal ones, and any at all
SCORES = st.one_of(st.integers(0, 5).map(float), st.floats(-1e6, 1e6))


@st.composite
def cases(draw: st.DrawFn, more: int = 0) -> tuple[list[float], float]:
    """Scores, as many as the rate needs or up to 60 more, and the rate."""
    rate = draw(RATES)
    needed = needed_images(rate) + more
    return draw(st.lists(SCORES, min_size=max(needed, 1), max_size=needed + 60)), rate


@given(cases())
def test_no_more_than_the_rate_are_above(case: tuple[list[float], float]) -> None:
    scores, rate = case
    threshold, found = threshold_at(scores, rate)
    assert threshold in scores
    above, count = sum(score > threshold for score in scores), len(scores)
    assert (above + 1) / (count + 1) <= found.expected + 1e-12
    assert found.expected <= rate + 1e-9
    assert rate < found.expected + 1 / (count + 1)
    assert 0 <= found.low <= found.expected <= found.high <= 1


@given(cases(more=1))
def test_left_out_one_by_one_no_more_than_the_rate_are_false_alarms(
    case: tuple[list[float], float],
) -> None:
    """The guarantee for the next good image, counted out over which of all is the next."""
    scores, rate = case
    alarms = sum(
        score > threshold_at([*scores[:place], *scores[place + 1 :]], rate)[0]
        for place, score in enumerate(scores)
    )
    assert alarms <= rate * len(scores) + 1e-6


@given(cases(), RATES, st.randoms(use_true_random=False))
def test_order_does_not_count_and_a_higher_rate_has_no_higher_threshold(
    case: tuple[list[float], float], other: float, random: object
) -> None:
    scores, rate = case
    threshold, found = threshold_at(scores, rate)
    shuffled = list(scores)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert threshold_at(shuffled, rate) == (threshold, found)
    assert threshold_at(scores, max(rate, other))[0] <= threshold
