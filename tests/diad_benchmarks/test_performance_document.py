"""What `docs/performance.md` says of a benchmark is what its committed record says."""

import re
from pathlib import Path

import pytest

from diad_benchmarks.report.results import Results, read_results

DOCS = Path(__file__).parents[2] / "docs"
RECORDS = sorted((DOCS / "benchmarks").glob("*.json"))
ROWS = re.findall(
    r"^\| ([^|]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| (\d+) % \| ([\d.]+) \|$",
    (DOCS / "performance.md").read_text(),
    re.MULTILINE,
)


def lines(results: Results) -> set[tuple[str, ...]]:
    """The document's lines of a record: of every row that ran."""
    found = set()
    for row in results.rows:
        if row.latency is None:
            continue
        assert row.limit_share is not None
        assert row.peak_host_bytes is not None
        best = max(each.pictures_per_s for each in row.throughput)
        found.add(
            (
                row.title.replace(",", ""),
                f"{row.latency.p50_ms / 1e3:.2f}",
                f"{row.times_yardstick:.2f}",
                f"{best:.3f}",
                f"{100 * row.limit_share:.0f}",
                f"{row.peak_host_bytes / 1e9:.1f}",
            )
        )
    return found


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: path.stem)
def test_the_document_says_what_was_measured(record: Path) -> None:
    wanted = lines(read_results(record))
    assert len(wanted) >= 3
    assert wanted <= {(title.replace(",", ""), *figures) for title, *figures in ROWS}


def test_both_sizes_are_there() -> None:
    assert {path.stem for path in RECORDS} == {"demo", "full"}
