"""Pieces are collected in order, and none that has begun is lost."""

from collections.abc import Callable, Iterator

import pytest

from diad_deploy.in_flight import collect_in_order


def pieces(told: list[str], count: int, error: BaseException | None = None) -> Iterator[Callable]:
    for number in range(count):
        told.append(f"begin {number}")
        yield lambda number=number: told.append(f"end {number}") or number
    if error is not None:
        raise error


@pytest.mark.parametrize(
    ("in_flight", "order"),
    [
        (1, ["begin 0", "end 0", "begin 1", "end 1", "begin 2", "end 2"]),
        (2, ["begin 0", "begin 1", "end 0", "begin 2", "end 1", "end 2"]),
    ],
)
def test_so_many_are_under_way(in_flight: int, order: list[str]) -> None:
    told: list[str] = []
    assert list(collect_in_order(pieces(told, 3), in_flight=in_flight)) == [0, 1, 2]
    assert told == order


def test_what_has_begun_is_handed_on_before_ctrl_c() -> None:
    source = collect_in_order(pieces([], 2, KeyboardInterrupt()), in_flight=3)
    assert [next(source), next(source)] == [0, 1]
    with pytest.raises(KeyboardInterrupt):
        next(source)
