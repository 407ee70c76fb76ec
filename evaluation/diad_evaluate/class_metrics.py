"""The result of a class: its metrics, and notes about what is undefined or unusual."""

from collections.abc import Iterable

from diad_deploy.labelled.mask_findings import MaskTally
from diad_evaluate.class_images import ClassImages
from diad_evaluate.metrics.curves import draw_curves
from diad_evaluate.metrics.figures import (
    EXACT_AU_PRO,
    IMAGE_METRICS,
    PIXEL_METRICS,
    Figures,
    best_threshold,
    describe_metrics,
    image_figures,
    pixel_figures,
    rank_images,
)
from diad_evaluate.metrics.pixel_counts import PixelCounts
from diad_evaluate.results import ClassResult


def class_result(
    product: str, images: ClassImages, masks: MaskTally, *, failed: int
) -> ClassResult:
    """Compute the metrics of a class that are defined.

    Args:
        product: the class.
        images: its images.
        masks: the findings for its masks.
        failed: the number of images that failed.
    """
    defective = sum(images.defective)
    good = len(images.defective) - defective
    undefined: dict[str, str] = {}
    figures: Figures = {}
    ranked = None
    reason = _undefined_reason(good, defective)
    if reason is None:
        ranked = rank_images(images.defective, images.scores)
        figures |= image_figures(images.defective, images.scores)
    else:
        undefined |= dict.fromkeys(IMAGE_METRICS, reason)
    counts = _pixels(images, figures, undefined)
    return ClassResult(
        product=product,
        good=good,
        defective=defective,
        failed=failed,
        masked=len(images.maps),
        masks=masks.counts,
        figures=figures,
        undefined=undefined,
        notes=(
            *([f"images that failed: {failed}"] if failed else []),
            *masks.notes(defective),
            *_undefined_notes(undefined),
            *_under_half(figures),
        ),
        threshold=best_threshold(ranked) if ranked else None,
        curves=draw_curves(ranked, counts),
    )


def _pixels(images: ClassImages, figures: Figures, undefined: dict[str, str]) -> PixelCounts | None:
    """Add the pixel metrics to `figures`, or the reason to `undefined`."""
    marked = int(images.masks.sum())
    if marked in (0, images.masks.size):
        reason = "no good pixels" if marked else "no pixel is marked as defective"
        undefined |= dict.fromkeys((*PIXEL_METRICS, EXACT_AU_PRO), reason)
        return None
    found, counts = pixel_figures(images.maps, images.masks)
    figures |= found
    for name in PIXEL_METRICS:
        if name not in found:
            undefined[name] = (
                "fewer than two of the 200 thresholds have a false-positive rate below 0.3"
            )
    return counts


def _undefined_reason(good: int, defective: int) -> str | None:
    if good and defective:
        return None
    if not good and not defective:
        return "no image could be read"
    return "only good images" if good else "only defective images"


def _undefined_notes(undefined: dict[str, str]) -> Iterable[str]:
    together: dict[str, list[str]] = {}
    for name, reason in undefined.items():
        together.setdefault(reason, []).append(name)
    for reason, names in together.items():
        yield f"{describe_metrics(names)} undefined and left out of the mean: {reason}"


def _under_half(figures: Figures) -> Iterable[str]:
    for name in ("image_auroc", "pixel_auroc"):
        if name in figures and figures[name] < 0.5:
            yield (
                f"{name} {figures[name]:.4f} is reported as it is; the published code would report "
                f"1 - {name} = {1 - figures[name]:.4f}"
            )
