"""The files and the row of one image."""

from pathlib import Path

from diad_deploy.detection import Detection, rounded_score
from diad_deploy.report import folder as layout
from diad_deploy.report.image_outputs import (
    MapFormat,
    write_heatmap,
    write_map,
    write_thumbnails,
)
from diad_deploy.report.results import ResultRow
from diad_deploy.streaming.stream import Inspected, Unread
from diad_deploy.thresholds.decide import Decider


def write_image(
    folder: Path,
    result: Inspected,
    *,
    decider: Decider,
    scale: tuple[float, float],
    maps: MapFormat | None,
    thumbnails: bool,
) -> ResultRow:
    """Draw and write the files of one image, and return its row.

    An image that is too large to be drawn in the available memory fails; the run continues.

    Args:
        folder: the report's folder.
        result: the result of the model.
        decider: decides whether the image is defective.
        scale: (low, high) of the heatmap in units of the anomaly map.
        maps: the format of the raw map; None writes none.
        thumbnails: whether to write thumbnails for the page.

    Raises:
        OSError: a file cannot be written.
    """
    name = result.file.name
    try:
        detection = decider.decide(result.detection, result.file.path)
        heatmap = write_heatmap(folder, name, result.pixels, detection, scale)
        if maps is not None:
            write_map(folder, name, detection.anomaly_map, maps)
        if thumbnails:
            write_thumbnails(folder, name, result.pixels, detection, heatmap)
        return ok_row(result, detection, maps)
    except MemoryError:
        reason = "not enough memory to draw the heatmap; make the image smaller"
        return failed_row(Unread(file=result.file, identity=result.identity, reason=reason))


def failed_row(result: Unread) -> ResultRow:
    """The row of a failed image."""
    size_bytes, modified_ns = result.identity or (None, None)
    return ResultRow(
        picture=result.file.name,
        path=str(result.file.path),
        status="failed",
        reason=result.reason,
        size_bytes=size_bytes,
        modified_ns=modified_ns,
    )


def ok_row(result: Inspected, detection: Detection, maps: MapFormat | None) -> ResultRow:
    """The row of an inspected image.

    Args:
        result: the result of the model.
        detection: the same result with its decision, if there is a threshold.
        maps: the format of the raw map; None if there is none.
    """
    name = result.file.name
    size_bytes, modified_ns = result.identity or (None, None)
    return ResultRow(
        picture=name,
        path=str(result.file.path),
        status="ok",
        score=rounded_score(detection.score),
        width=result.pixels.shape[1],
        height=result.pixels.shape[0],
        heatmap=layout.heatmap_path(name),
        map=layout.map_path(name, maps) if maps else None,
        size_bytes=size_bytes,
        modified_ns=modified_ns,
        class_name=detection.class_name,
        threshold=detection.threshold,
        decision=detection.decision,
        margin=detection.margin,
        regions=detection.regions() if detection.threshold is not None else None,
        note=result.note,
    )
