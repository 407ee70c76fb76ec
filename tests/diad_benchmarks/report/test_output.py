"""Results are in their folder as soon as there are some, and stay there."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from diad_benchmarks.report.output import PAGE, RESULTS, TABLE, keep_results
from diad_benchmarks.report.results import Results, read_results
from diad_deploy.errors import OutputError
from tests.diad_benchmarks.planted import planted_results

WHOLE = planted_results()
PART = replace(WHOLE, rows=WHOLE.rows[:1], sweeps=None, unfinished="sweeps")


def nothing(line: str) -> None:
    """Ignore the line."""


def test_each_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    out, seen = tmp_path / "out", []

    def growing() -> Iterator[Results]:
        seen.append(out.exists())
        yield PART
        seen.append(read_results(out / RESULTS) == PART)
        yield WHOLE

    lines: list[str] = []
    assert keep_results(growing(), out, force=False, echo=lines.append) == WHOLE
    assert seen == [False, True]
    assert read_results(out / RESULTS) == WHOLE
    assert lines == [f"first results: {out / PAGE}"]
    assert sorted(path.name for path in out.iterdir()) == sorted([RESULTS, TABLE, PAGE])


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OutputError("full")])
def test_a_run_that_is_stopped_keeps_what_it_has(tmp_path: Path, error: BaseException) -> None:
    def growing() -> Iterator[Results]:
        yield PART
        raise error

    with pytest.raises(type(error)):
        keep_results(growing(), tmp_path / "out", force=False, echo=nothing)
    assert read_results(tmp_path / "out" / RESULTS) == PART
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OutputError("full")])
def test_a_run_without_results_leaves_the_old_ones(tmp_path: Path, error: BaseException) -> None:
    def growing() -> Iterator[Results]:
        raise error
        yield

    keep_results(iter([WHOLE]), tmp_path / "out", force=False, echo=nothing)
    with pytest.raises(type(error)):
        keep_results(growing(), tmp_path / "out", force=True, echo=nothing)
    assert read_results(tmp_path / "out" / RESULTS) == WHOLE
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_nothing_is_measured_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()

    def growing() -> Iterator[Results]:
        pytest.fail("measured in vain")
        yield

    with pytest.raises(OutputError, match="already exists"):
        keep_results(growing(), tmp_path / "out", force=False, echo=nothing)
