"""Results and comparisons on the terminal."""

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from diad_benchmarks.report.compare import Comparison
from diad_benchmarks.report.results import Results
from diad_benchmarks.report.rows import Row
from diad_benchmarks.report.tables import make_table, shown


def print_results(results: Results, page: Path) -> None:
    """Print the tables, the reasons for missing figures, and where the page is."""
    console = Console(highlight=False)
    console.print(speed_table(results))
    console.print(cost_table(results))
    for line in (*reasons(results), f"page: {page}"):
        console.print(line, soft_wrap=True, markup=False)


def print_comparison(found: Comparison) -> None:
    """Print what changed, and the cautions."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(comparison_table(found))
    for caution in found.cautions:
        console.print(f"note: {caution}", markup=False)
    console.print("nothing beyond the limit" if not found.beyond else f"{len(found.beyond)} beyond")


def speed_table(results: Results) -> Table:
    """One line per backend: its speed, and its share of the limit's."""
    model, machine = results.model, results.machine
    table = make_table(
        f"One image of {model.image_size_px} px, {model.steps} steps, {model.name}",
        ("", "p50 ms", "p99 ms", "to ORT", "best /s", "batch", "J/image", "limit"),
        ((row.title, *_speed(row)) for row in results.rows),
    )
    rates = (
        f"{rate.device}: {1e-9 * rate.flops:,.0f} GFLOP/s in {rate.precision} products, "
        f"{1e-9 * rate.copy_bytes_per_s:,.1f} GB/s copied"
        for rate in results.rates
    )
    caption = [f"{machine.processor}, {machine.usable_cores} cores", *machine.gpus, *rates]
    if results.gpu_unread:
        caption.append(f"the GPU's energy and memory are unknown: {results.gpu_unread}")
    table.caption = "\n".join(map(escape, caption))
    return table


def cost_table(results: Results) -> Table:
    """One line per backend that ran: what it needs, and whether it decides as PyTorch does."""
    return make_table(
        "Resources, and agreement with the PyTorch reference",
        ("", "start s", "host GB", "GPU GB", "disk MB", "score off", "flips", "AUROC"),
        ((row.title, *_cost(row)) for row in results.rows if row.latency is not None),
    )


def reasons(results: Results) -> Iterator[str]:
    """One line for each backend without figures, or without all of them."""
    return (f"{row.title}: {row.why_not}" for row in results.rows if row.why_not)


def comparison_table(comparison: Comparison) -> Table:
    """One line per figure that changed."""
    rows = (
        (
            *(change.row, change.figure),
            *(shown(figure, "{:,.4g}") for figure in (change.before, change.after)),
            *(shown(change.worse, "{:+.1%}"), "beyond" if change.beyond else ""),
        )
        for change in comparison.changes
        if change.before != change.after or change.beyond
    )
    title = f"Worse by more than {comparison.limit:.0%} is marked"
    names = ("backend", "figure", "before", "after", "worse by", "")
    return make_table(title, names, rows, texts=2)


def _speed(row: Row) -> list[str]:
    if row.latency is None:
        return ["-"] * 7
    best = max(row.throughput, key=lambda t: t.pictures_per_s)
    return [
        f"{row.latency.p50_ms:.1f}",
        f"{row.latency.p99_ms:.1f}",
        shown(row.times_yardstick, "{:.2f}"),
        f"{best.pictures_per_s:.2f}",
        str(best.batch),
        shown(best.joules_per_picture, "{:.2f}"),
        shown(row.limit_share, "{:.0%}"),
    ]


def _cost(row: Row) -> list[str]:
    accuracy = row.accuracy
    return [
        shown(row.first_result_s, "{:.1f}"),
        shown(row.peak_host_bytes, "{:.2f}", 1e-9),
        shown(row.peak_device_bytes, "{:.2f}", 1e-9),
        shown(row.disk_bytes, "{:.0f}", 1e-6),
        shown(accuracy.largest_difference if accuracy else None, "{:.1e}"),
        f"{accuracy.flipped}/{accuracy.pictures}" if accuracy else "",
        shown(accuracy.image_auroc_change if accuracy else None, "{:+.4f}"),
    ]
