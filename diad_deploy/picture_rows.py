"""What a run found on one picture, as the row of its report."""

from diad_deploy.detection import Detection, rounded_score
from diad_deploy.report import folder as layout
from diad_deploy.report.picture_outputs import MapFormat
from diad_deploy.report.results import ResultRow
from diad_deploy.streaming import Inspected, Unread


def failed_row(result: Unread) -> ResultRow:
    """The row of a picture that could not be read."""
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
    """The row of a picture that was inspected; its other files lie where the row says.

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
    )
