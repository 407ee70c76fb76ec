"""The highest scores, in bounded memory."""

import random

from diad_deploy.report.ranking import MAX_FOLDERS, OTHERS, HighestScores, rank
from diad_deploy.report.results import ResultRow


def row(image: str, score: float | None) -> ResultRow:
    status = "failed" if score is None else "ok"
    return ResultRow(picture=image, path=image, status=status, score=score)


def test_offers_say_who_drops_out() -> None:
    highest = HighestScores(limit=2, per_folder=2)
    assert highest.add("a", 0.5) == ()
    assert highest.add("b", 0.9) == ()
    assert highest.add("c", 0.1) == ("c",)
    assert highest.add("d", 0.7) == ("a",)
    assert highest.names() == ["b", "d"]


def test_each_folder_has_its_highest_beside_the_highest_of_all() -> None:
    highest = HighestScores(limit=2, per_folder=1)
    assert highest.add("x/a", 0.9) == ()
    assert highest.add("x/b", 0.8) == ()
    assert highest.add("x/c", 0.7) == ("x/c",)
    assert highest.add("y/a", 0.1) == ()
    assert highest.names() == ["x/a", "x/b", "y/a"]
    # x/b is among the highest no more, x/d neither; y/a gives way in its folder
    assert highest.add("y/b", 0.95) == ("x/b", "y/a")
    assert highest.add("x/d", 0.2) == ("x/d",)
    assert highest.names() == ["y/b", "x/a"]


def test_many_folders_leave_the_highest_of_all() -> None:
    chance = random.Random(1)
    offered = [(f"{n % 7}/{n}", chance.random()) for n in range(200)]
    for _ in range(4):
        chance.shuffle(offered)
        highest = HighestScores(limit=5, per_folder=2, max_folders=6)
        left: set[str] = set()
        for name, score in offered:
            left.add(name)
            left -= set(highest.add(name, score))
        best = sorted(offered, key=lambda pair: -pair[1])[:5]
        assert highest.names() == [name for name, _ in best]
        assert left == set(highest.names())


def test_equal_scores_rank_by_name_whatever_the_order() -> None:
    for names in ("abcd", "dcba", "cadb"):
        highest = HighestScores(limit=2, per_folder=2)
        for name in names:
            highest.add(name, 1.0)
        assert highest.names() == ["a", "b"]


def test_the_ranking_is_that_of_sorting() -> None:
    chance = random.Random(2)
    rows = [row(f"{n:04}", chance.random() if n % 7 else None) for n in range(1000)]
    ranking = rank(iter(rows), limit=50)
    read = [row for row in rows if row.score is not None]
    assert list(ranking.highest) == sorted(read, key=lambda row: -(row.score or 0.0))[:50]
    (group,) = ranking.groups
    assert list(group.scores) == [row.score for row in read]
    assert group.scores.itemsize == 8
    assert ranking.failed == 143
    assert list(ranking.failures) == [row for row in rows if row.score is None][:50]


def test_no_rows() -> None:
    ranking = rank([])
    assert (ranking.highest, ranking.scored, ranking.failed) == ((), 0, 0)


def decided(image: str, score: float, class_name: str | None, threshold: float) -> ResultRow:
    return ResultRow(
        picture=image,
        path=image,
        status="ok",
        score=score,
        class_name=class_name,
        threshold=threshold,
        decision="defect" if score > threshold else "good",
        margin=score - threshold,
    )


def test_scores_are_grouped_by_class_or_else_by_folder() -> None:
    ranking = rank(
        [
            decided("a/1", 0.5, "gear", 0.4),
            decided("b/2", 0.3, "gear", 0.4),
            decided("a/3", 0.6, None, 0.7),
            row("a/4", 0.1),
        ]
    )
    assert [(group.name, list(group.scores)) for group in ranking.groups] == [
        ("gear", [0.5, 0.3]),
        ("a", [0.6, 0.1]),
    ]
    assert [group.thresholds for group in ranking.groups] == [{0.4}, {0.7}]
    assert (ranking.scored, ranking.decided, ranking.defects) == (4, 3, 1)


def test_groups_are_bounded() -> None:
    ranking = rank(row(f"{n}/a", 0.5) for n in range(MAX_FOLDERS + 60))
    assert len(ranking.groups) == MAX_FOLDERS + 1
    assert (ranking.groups[-1].name, len(ranking.groups[-1].scores)) == (OTHERS, 60)
