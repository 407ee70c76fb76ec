"""What a run found on one image, as the files and the row of its report."""

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
    judge: Decider,
    scale: tuple[float, float],
    maps: MapFormat | None,
    thumbnails: bool,
) -> ResultRow:
    """Draw and write the files of one image, and give its row.

    An image too large to be drawn in the memory there is fails, as one that is too large to be
    read; the others go on.

    Args:
        folder: the report's.
        result: of the model.
        judge: what decides about it.
        scale: the heatmap's (low, high) in the map's units.
        maps: format of its raw map, or None for none.
        thumbnails: whether the page shows it.

    Raises:
        OSError: a file cannot be written.
    """
    name = result.file.name
    try:
        detection = judge.judge(result.detection, result.file.path)
        heatmap = write_heatmap(folder, name, result.pixels, detection, scale)
        if maps is not None:
            write_map(folder, name, detection.anomaly_map, maps)
        if thumbnails:
            write_thumbnails(folder, name, result.pixels, detection, heatmap)
        return ok_row(result, detection, maps)
    except MemoryError:
        reason = "memory ran out while drawing; make it smaller"
        return failed_row(Unread(file=result.file, identity=result.identity, reason=reason))


def failed_row(result: Unread) -> ResultRow:
    """The row of an image that failed."""
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
    """The row of an image that was inspected; its other files lie where the row says.

    Args:
        result: of the model.
        detection: the same with its thresholds, where there are any.
        maps: format of its raw map, or None for none.
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
