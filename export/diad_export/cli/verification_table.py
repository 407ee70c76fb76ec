"""The result of a verification as a table."""

from rich.table import Table

from diad_export.verify.result import Agreement, Verification


def verification_table(found: Verification) -> Table:
    """A row for each figure: of the bundle, of the runs to compare with, and the limit."""
    table = Table(
        title=f"{found.pictures} images, {found.backend} against PyTorch; threshold "
        f"{found.threshold:.4g}, {found.threshold_from}",
        title_justify="left",
    )
    table.add_column("")
    table.add_column("bundle", justify="right")
    others = {"another seed": found.noise_floor, "PyTorch float16": found.torch_half}
    runs = {name: _figures(run, found.pictures) for name, run in others.items() if run}
    for name in runs:
        table.add_column(name, justify="right")
    table.add_column("limit", justify="right")
    limits = found.limits
    for stage in found.stages:
        table.add_row(
            f"{stage.stage}, relative error",
            f"{stage.relative:.1e}",
            *("" for _ in runs),
            f"{limits.stage_error}",
        )
    bounds = {
        "map correlation, smallest": f"at least {limits.map_correlation}",
        "score difference, largest": f"{limits.score_difference * abs(found.threshold):.4g}",
        "flipped decisions": f"{limits.flipped_share * found.pictures:.3g}",
        "image AUROC, change": f"{limits.auroc_change}",
        "pixel AUROC, change": f"{limits.auroc_change}",
    }
    for name, figure in _figures(found.agreement, found.pictures).items():
        table.add_row(
            name,
            figure,
            *(figures.get(name, "") for figures in runs.values()),
            bounds.get(name, ""),
        )
    if found.masks.image_only:
        row = ("without a usable mask", f"{found.masks.image_only} of {found.pictures}")
        table.add_row(*row, *("" for _ in runs), "")
    return table


def _figures(found: Agreement, images: int) -> dict[str, str]:
    figures = {
        "map correlation, smallest": f"{found.least_correlation:.5f}",
        "map correlation, median": f"{found.median_correlation:.5f}",
        "score difference, largest": f"{found.largest_difference:.2e}",
        "score difference, mean": f"{found.mean_difference:.2e}",
        "flipped decisions": f"{len(found.flipped)} of {images}",
    }
    if found.image_auroc_change is not None:
        figures["image AUROC, change"] = f"{found.image_auroc_change:+.4f}"
    if found.pixel_auroc_change is not None:
        figures["pixel AUROC, change"] = f"{found.pixel_auroc_change:+.4f}"
    return figures
