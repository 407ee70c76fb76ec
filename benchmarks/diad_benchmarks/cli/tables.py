"""What a run and a comparison say on the terminal."""

from collections.abc import Iterator

from rich.markup import escape
from rich.table import Table

from diad_benchmarks.report.compare import Comparison
from diad_benchmarks.report.results import Results
from diad_benchmarks.report.rows import Row


def speed_table(results: Results) -> Table:
    """One line a row: how fast it was, and how near its limit."""
    table = _named_table(
        f"One image of {results.model.image_size_px} px, {results.model.steps} steps, "
        f"{results.model.name}",
        ("p50 ms", "p99 ms", "to ORT", "best /s", "batch", "J each", "limit"),
    )
    table.caption = "\n".join(map(escape, _machine(results)))
    for row in results.rows:
        table.add_row(row.title, *_speed(row))
    return table


def _machine(results: Results) -> Iterator[str]:
    yield f"{results.machine.processor}, {results.machine.usable_cores} cores"
    yield from results.machine.gpus
    for rate in results.rates:
        yield (
            f"{rate.device}: {1e-9 * rate.flops:,.0f} GFLOP/s in {rate.precision} products, "
            f"{1e-9 * rate.copy_bytes_per_s:,.1f} GB/s copied"
        )
    if results.gpu_unread:
        yield f"no energy, and GPU memory after the first result alone: {results.gpu_unread}"


def cost_table(results: Results) -> Table:
    """One line a row that ran: what it needs, and whether it decides as PyTorch does."""
    table = _named_table(
        "What it needs, and whether it decides as the PyTorch reference does",
        ("start s", "host GB", "GPU GB", "disk MB", "score off", "flips", "AUROC"),
    )
    for row in results.rows:
        if row.latency is not None:
            table.add_row(row.title, *_cost(row))
    return table


def reasons(results: Results) -> list[str]:
    """One line for each row that has no figures, or not all of them."""
    return [f"{row.title}: {row.why_not}" for row in results.rows if row.why_not]


def _named_table(title: str, columns: tuple[str, ...]) -> Table:
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


def shown(value: float | None, form: str, scale: float = 1.0) -> str:
    """`value` times `scale` in `form`; nothing where there is none."""
    return "" if value is None else form.format(value * scale)


def comparison_table(comparison: Comparison) -> Table:
    """One line a figure that changed."""
    table = Table(title=f"Worse by more than {comparison.limit:.0%} is marked")
    table.add_column("row")
    table.add_column("figure")
    for name in ("before", "after", "worse by", ""):
        table.add_column(name, justify="right")
    for change in comparison.changes:
        if change.before == change.after and not change.beyond:
            continue
        table.add_row(
            change.row,
            change.figure,
            shown(change.before, "{:,.4g}"),
            shown(change.after, "{:,.4g}"),
            shown(change.worse, "{:+.1%}"),
            "beyond" if change.beyond else "",
        )
    return table
