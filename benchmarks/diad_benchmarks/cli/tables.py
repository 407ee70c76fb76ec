"""Results and comparisons on the terminal."""

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from diad_benchmarks.report.compare import Comparison
from diad_benchmarks.report.results import Results
from diad_benchmarks.report.rows import Row


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
    table = _table(
        f"One image of {model.image_size_px} px, {model.steps} steps, {model.name}",
        ("p50 ms", "p99 ms", "to ORT", "best /s", "batch", "J/image", "limit"),
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
    for row in results.rows:
        table.add_row(row.title, *_speed(row))
    return table


def cost_table(results: Results) -> Table:
    """One line per backend that ran: what it needs, and whether it decides as PyTorch does."""
    table = _table(
        "Resources, and agreement with the PyTorch reference",
        ("start s", "host GB", "GPU GB", "disk MB", "score off", "flips", "AUROC"),
    )
    for row in results.rows:
        if row.latency is not None:
            table.add_row(row.title, *_cost(row))
    return table


def reasons(results: Results) -> Iterator[str]:
    """One line for each backend without figures, or without all of them."""
    return (f"{row.title}: {row.why_not}" for row in results.rows if row.why_not)


def comparison_table(comparison: Comparison) -> Table:
    """One line per figure that changed."""
    table = Table(title=f"Worse by more than {comparison.limit:.0%} is marked")
    table.add_column("backend")
    table.add_column("figure")
    for name in ("before", "after", "worse by", ""):
        table.add_column(name, justify="right")
    for change in comparison.changes:
        if change.before == change.after and not change.beyond:
            continue
        table.add_row(
            change.row,
            change.figure,
            _shown(change.before, "{:,.4g}"),
            _shown(change.after, "{:,.4g}"),
            _shown(change.worse, "{:+.1%}"),
            "beyond" if change.beyond else "",
        )
    return table


def _table(title: str, columns: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left", caption_justify="left")
    table.add_column("", overflow="fold")
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _speed(row: Row) -> list[str]:
    if row.latency is None:
        return ["-"] * 7
    best = max(row.throughput, key=lambda t: t.pictures_per_s)
    return [
        f"{row.latency.p50_ms:.1f}",
        f"{row.latency.p99_ms:.1f}",
        _shown(row.times_yardstick, "{:.2f}"),
        f"{best.pictures_per_s:.2f}",
        str(best.batch),
        _shown(best.joules_per_picture, "{:.2f}"),
        _shown(row.limit_share, "{:.0%}"),
    ]


def _cost(row: Row) -> list[str]:
    accuracy = row.accuracy
    return [
        _shown(row.first_result_s, "{:.1f}"),
        _shown(row.peak_host_bytes, "{:.2f}", 1e-9),
        _shown(row.peak_device_bytes, "{:.2f}", 1e-9),
        _shown(row.disk_bytes, "{:.0f}", 1e-6),
        _shown(accuracy.largest_difference if accuracy else None, "{:.1e}"),
        f"{accuracy.flipped}/{accuracy.pictures}" if accuracy else "",
        _shown(accuracy.image_auroc_change if accuracy else None, "{:+.4f}"),
    ]


def _shown(value: float | None, form: str, scale: float = 1.0) -> str:
    """`value` times `scale` in `form`; empty for None."""
    return "" if value is None else form.format(value * scale)
