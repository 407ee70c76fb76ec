"""Ways take turns, and their times are told apart."""

from diad_benchmarks.measure.rounds import take_turns


def test_ways_take_turns() -> None:
    ran: list[str] = []
    ticks = iter([0.0, 4.0, 4.0, 5.0, 10.0, 16.0, 16.0, 18.0, 20.0, 40.0, 40.0, 44.0])
    told: list[str] = []
    rounds = take_turns(
        {"slow": lambda: ran.append("slow"), "fast": lambda: ran.append("fast")},
        rounds=3,
        tell=told.append,
        clock=lambda: next(ticks),
    )
    assert ran == ["slow", "fast"] * 3
    assert rounds.seconds == {"slow": (4.0, 6.0, 20.0), "fast": (1.0, 2.0, 4.0)}
    assert rounds.median_s("slow") == 6.0
    assert rounds.ratios("slow", "fast") == (4.0, 3.0, 5.0)
    assert told[0] == "round 1 of 3: slow 4.00 s"
