"""VisA: `split_csv/1cls.csv` with the columns object, split, label, image, mask.

The folder of one class can be given where `split_csv` is beside it.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

from diad_deploy.errors import InputError
from diad_deploy.images.classes import (
    DEFECT_FOLDERS,
    GOOD,
    GOOD_FOLDERS,
    IN_ORDER,
    folder_key,
)
from diad_deploy.labelled.labelled_image import LabelledImage
from diad_deploy.labelled.layouts.layout import Layout

TABLE = Path("split_csv", "1cls.csv")
COLUMNS = ("object", "split", "label", "image", "mask")
LABELS = {
    **dict.fromkeys({*GOOD_FOLDERS, IN_ORDER}, GOOD),
    **dict.fromkeys(DEFECT_FOLDERS, "anomaly"),
}


def find(folder: Path) -> list[LabelledImage]:
    """The images of the split `test`, grouped by class in the order of the table.

    Raises:
        InputError: the table cannot be read, or has no such column or an unknown label.
    """
    if (folder / TABLE).is_file():
        return _by_class(_read(folder))
    above = folder.resolve().parent
    if not (above / TABLE).is_file():
        return []
    return [image for image in _read(above) if image.product == folder.resolve().name]


def _by_class(images: list[LabelledImage]) -> list[LabelledImage]:
    order = list(dict.fromkeys(image.product for image in images))
    return sorted(images, key=lambda image: order.index(image.product))


def _read(folder: Path) -> list[LabelledImage]:
    table = folder / TABLE
    try:
        with table.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.DictReader(lines)
            missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
            if missing:
                raise InputError(
                    f"{table}: expected the columns {', '.join(COLUMNS)}, found no "
                    f"{', '.join(missing)}; use the table of the VisA data set"
                )
            return list(_images(folder, rows))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{table}: cannot be read: {error}; copy it again") from error


def _images(folder: Path, rows: "csv.DictReader[str]") -> Iterator[LabelledImage]:
    for row in rows:
        values = {name: (row[name] or "").strip() for name in COLUMNS}
        if values["split"] != "test":
            continue
        kind = LABELS.get(folder_key(values["label"]))
        if kind is None or not (values["object"] and values["image"]):
            raise InputError(
                f"{folder / TABLE}, line {rows.line_num}: expected an object, an image and the "
                f"label normal or anomaly, found {values['object']!r}, {values['image']!r} and "
                f"{values['label']!r}; correct the line"
            )
        yield LabelledImage(
            path=folder / values["image"],
            name=values["image"],
            product=values["object"],
            kind=kind,
            mask=folder / values["mask"] if values["mask"] and kind != GOOD else None,
        )


VISA = Layout(
    name="visa",
    title="VisA",
    looks_for=TABLE.as_posix(),
    find=find,
)
