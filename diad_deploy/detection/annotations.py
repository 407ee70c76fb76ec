"""Regions in the formats of labelling tools: COCO and Label Studio.

COCO: one dictionary of `images`, `annotations` and `categories`; `bbox` is `[x, y, width, height]`
and `segmentation` a list of polygons `[x1, y1, x2, y2, ...]`, in pixels of the image.

Label Studio: one task per image with a prediction; points and boxes are in percent of the image.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from diad_deploy.regions import Region

Shape = Literal["polygon", "rectangle"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatedImage:
    """What an annotation file says of one image.

    Attributes:
        file_name: the name to write.
        width, height: of the image in pixels.
        score: of the image.
        regions: in pixels of the image.
    """

    file_name: str
    width: int
    height: int
    score: float
    regions: tuple[Region, ...]

    def annotated(self) -> "AnnotatedImage":
        """Itself."""
        return self


class Annotated(Protocol):
    """A `Detection`, a `ResultRow` or an `AnnotatedImage`."""

    def annotated(self) -> AnnotatedImage:
        """Size, score and regions of the image."""


def to_coco(images: Iterable[Annotated], *, category: str = "defect") -> dict[str, Any]:
    """The regions of many images as one COCO dataset, for `json.dump`.

    Each annotation's `score` is the highest value of the anomaly map in its region; each image's
    `score` is the image score, a key that COCO does not have. Ids count from 1.

    Args:
        images: detections, or rows of a report (`read_rows`) that are `ok` and have regions.
        category: the name of the only category.

    Raises:
        OptionError: an image has no name or no regions, as for `Detection.annotated`.
    """
    entries: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, one in enumerate(images, start=1):
        image = one.annotated()
        entries.append(
            {
                "id": image_id,
                "file_name": image.file_name,
                "width": image.width,
                "height": image.height,
                "score": image.score,
            }
        )
        annotations += [
            {
                "id": annotation_id,
                "image_id": image_id,
                "category_id": 1,
                "bbox": list(region.box),
                "area": region.area_px,
                "segmentation": [[value for point in _polygon(region) for value in point]],
                "iscrowd": 0,
                "score": region.peak,
            }
            for annotation_id, region in enumerate(image.regions, start=len(annotations) + 1)
        ]
    return {
        "images": entries,
        "annotations": annotations,
        "categories": [{"id": 1, "name": category, "supercategory": "anomaly"}],
    }


def to_label_studio(
    images: Iterable[Annotated],
    *,
    shape: Shape = "polygon",
    prefix: str = "",
    label: str = "defect",
    from_name: str = "label",
    to_name: str = "image",
    model_version: str = "diad",
) -> list[dict[str, Any]]:
    """The regions of many images as Label Studio tasks with predictions, for `json.dump`.

    They fit a labelling configuration whose `<PolygonLabels>` or `<RectangleLabels>` is called
    `from_name` and whose `<Image name="image" value="$image"/>` is called `to_name`.

    Args:
        images: as for `to_coco`.
        shape: polygons around the regions, or upright rectangles.
        prefix: put before each file name to make the address that Label Studio loads the image
            from, such as `/data/local-files/?d=`.
        label: the label's value.
        from_name, to_name: names of the tags in the labelling configuration.
        model_version: shown beside the predictions.

    Raises:
        OptionError: as for `to_coco`.
    """
    tasks = []
    for image in (one.annotated() for one in images):
        result = [
            {
                "id": f"region-{place}",
                "from_name": from_name,
                "to_name": to_name,
                "type": f"{shape}labels",
                "original_width": image.width,
                "original_height": image.height,
                "image_rotation": 0,
                "value": {**_in_percent(region, image, shape), f"{shape}labels": [label]},
                "score": region.peak,
            }
            for place, region in enumerate(image.regions, start=1)
        ]
        prediction = {"model_version": model_version, "score": image.score, "result": result}
        tasks.append({"data": {to_name: prefix + image.file_name}, "predictions": [prediction]})
    return tasks


def _in_percent(region: Region, image: AnnotatedImage, shape: Shape) -> dict[str, Any]:
    across, down = 100 / image.width, 100 / image.height
    if shape == "polygon":
        return {"points": [[x * across, y * down] for x, y in _polygon(region)], "closed": True}
    x, y, width, height = region.box
    return {
        "x": x * across,
        "y": y * down,
        "width": width * across,
        "height": height * down,
        "rotation": 0,
    }


def _polygon(region: Region) -> Sequence[tuple[int, int]]:
    """The contour; the box's corners where the contour encloses nothing.

    That of a single pixel, row or column is a point or a line, which is no polygon.
    """
    points = region.contour
    following = (*points[1:], points[0])
    doubled_area = sum(
        x * next_y - next_x * y for (x, y), (next_x, next_y) in zip(points, following, strict=True)
    )
    if doubled_area:
        return points
    x, y, width, height = region.box
    return ((x, y), (x + width, y), (x + width, y + height), (x, y + height))
