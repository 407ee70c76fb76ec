"""The highest scores, in bounded memory."""

import random

import pytest

from diad_deploy.report.ranking import Highest, rank
from diad_deploy.report.results import ResultRow


def row(picture: str, score: float | None) -> ResultRow:
    status = "failed" if score is None else "ok"
    return ResultRow(picture=picture, path=picture, status=status, score=score)


def test_offers_say_who_drops_out() -> None:
    highest = Highest(limit=2)
    assert highest.offer("a", 0.5) is None
    assert highest.offer("b", 0.9) is None
    assert highest.offer("c", 0.1) == "c"
    assert highest.offer("d", 0.7) == "a"
    assert highest.names() == ["b", "d"]


def test_equal_scores_rank_by_name_whatever_the_order() -> None:
    for names in ("abcd", "dcba", "cadb"):
        highest = Highest(limit=2)
        for name in names:
            highest.offer(name, 1.0)
        assert highest.names() == ["a", "b"]


def test_the_ranking_is_that_of_sorting() -> None:
    chance = random.Random(2)
    rows = [row(f"{n:04}", chance.random() if n % 7 else None) for n in range(1000)]
    ranking = rank(iter(rows), limit=50)
    read = [row for row in rows if row.score is not None]
    assert list(ranking.highest) == sorted(read, key=lambda row: -(row.score or 0.0))[:50]
    assert list(ranking.scores) == pytest.approx([row.score for row in read], abs=1e-7)
    assert ranking.scores.itemsize == 4
    assert ranking.failed == 143
    assert list(ranking.failures) == [row for row in rows if row.score is None][:50]


def test_no_rows() -> None:
    ranking = rank([])
    assert (ranking.highest, len(ranking.scores), ranking.failed) == ((), 0, 0)
