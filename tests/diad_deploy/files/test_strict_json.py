"""JSON is read without guessing, and all faults are named."""

from dataclasses import dataclass

import pytest

from diad_deploy.files.strict_json import parse_object, read_record
from diad_deploy.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair(Record):
    low: float
    high: float
    parts: tuple[int, ...] = ()


def out_of_order(pair: Pair) -> list[str]:
    return [] if pair.low < pair.high else ["expected low below high"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe[\x00", "not JSON"),
        (b"[" * 200_000, "not JSON"),
        (b"9" * 5000, "not JSON"),
        (b"[1]", "not a JSON object"),
        (b'{"a": 1, "b": 2, "a": 1}', "the key 'a' is repeated"),
        (b'{"deep": [{"a": 1, "a": 2}]}', "the key 'a' is repeated"),
    ],
)
def test_no_object(text: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_object(text)


def test_a_record_comes_back() -> None:
    values = parse_object('{"low": 0.1, "high": 1, "parts": [1, 2]}')
    assert read_record(Pair, values, out_of_order) == Pair(low=0.1, high=1.0, parts=(1, 2))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"low": 2, "high": 1}', "^expected low below high$"),
        ('{"low": "2"}', "^low: .*; high: Field required$"),
        ('{"low": NaN, "high": 1, "odd": [{"x": -1e999}]}', r"^low: .* nan; odd\.0\.x: .* -inf; "),
        ('{"low": 1, "high": Infinity}', "^high: expected a finite number, found inf$"),
        ('{"low": 1, "high": 1' + "0" * 400 + "}", "^high: .* found an integer of 401 digits$"),
        ('{"low": -1' + "0" * 400 + ', "high": 1}', "^low: .* found an integer of"),
        ('{"low": 1, "high": 2, "x": "\\ud800"}', "Invalid JSON"),
        ('{"low": 1, "high": 2, "x": ' + "[" * 900 + "]" * 900 + "}", "recursion|deep"),
    ],
)
def test_all_faults_of_a_record(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_record(Pair, parse_object(text), out_of_order)
