"""The page holds every row, and asks for nothing from elsewhere."""

import re
from dataclasses import replace

from diad_benchmarks.cli.tables import reasons, speed_table
from diad_benchmarks.report.page import render_page
from diad_benchmarks.report.rows import Throughput
from tests.diad_benchmarks.planted import planted_results, planted_row


def test_every_row_is_there() -> None:
    page = render_page(planted_results())
    for row in planted_results().rows:
        assert row.title in page
    assert "no GPU &lt;here&gt;; take another machine" in page
    assert "5.0 times as fast as the published order of work" in page


def test_no_request_leaves_it() -> None:
    page = render_page(planted_results())
    links = re.findall(r"""(?:src|href|url\()\s*=?\s*["']?([^"'>)\s]+)""", page)
    assert all(link.startswith(("#", "data:")) for link in links)
    assert "<script" not in page
    assert page.count("<svg") == 7


def test_a_stopped_run_is_named() -> None:
    assert "was stopped" not in render_page(planted_results())
    page = render_page(replace(planted_results(), unfinished="the end of its rows"))
    assert "This run was stopped before the end of its rows" in page


def test_batches_on_a_gpu_are_distinguished() -> None:
    results = planted_results()
    assert "Batches on the GPU" not in render_page(results)
    found = Throughput(
        batch=8,
        turns=20,
        median_ms=50.0,
        pictures_per_s=160.0,
        p90_ms=51.0,
        p99_ms=52.0,
        prepare_ms=10.0,
        joules_per_picture=1.25,
    )
    row = planted_row("onnxruntime-cuda", "On CUDA", 0.01, device="cuda", throughput=(found,))
    page = render_page(replace(results, rows=(*results.rows, row), gpu_unread="no NVML"))
    for part in ("Batches on the GPU", "unknown here, no NVML", "<td>200</td>", "<td>1.25</td>"):
        assert part in page


def test_predictions_say_that_they_are_none() -> None:
    page = render_page(planted_results())
    assert page.index("Predictions, not measured") < page.index("H100 SXM")


def test_without_sweeps_and_rows() -> None:
    results = planted_results()
    bare = replace(results, rows=results.rows[2:], sweeps=None, surroundings=None)
    page = render_page(bare)
    assert "no GPU" in page
    assert "<svg" not in page


def test_the_terminal_says_why() -> None:
    assert list(reasons(planted_results())) == ["TensorRT: no GPU <here>; take another machine"]
    assert speed_table(planted_results()).row_count == 3
