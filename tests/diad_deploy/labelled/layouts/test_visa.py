"""VisA's layout, from its table."""

from pathlib import Path

import pytest

from diad_deploy.errors import InputError
from diad_deploy.labelled.layouts.visa import VISA

HEADER = "object,split,label,image,mask\n"
ROWS = """\
pcb1,test,normal,pcb1/Data/Images/Normal/0.JPG,
candle,train,normal,candle/Data/Images/Normal/0.JPG,
candle,test,normal,candle/Data/Images/Normal/1.JPG,
pcb1,test,anomaly,pcb1/Data/Images/Anomaly/0.JPG,pcb1/Data/Masks/Anomaly/0.png
candle,test,anomaly,candle/Data/Images/Anomaly/0.JPG,candle/Data/Masks/Anomaly/0.png
candle,test,anomaly,candle/Data/Images/Anomaly/1.JPG,
"""


def write_table(folder: Path, text: str) -> Path:
    (folder / "split_csv").mkdir(exist_ok=True)
    (folder / "split_csv/1cls.csv").write_text(text)
    return folder


def test_the_test_rows_class_by_class(tmp_path: Path) -> None:
    found = VISA.find(write_table(tmp_path, HEADER + ROWS))
    assert [(p.product, p.kind) for p in found] == [
        ("pcb1", "good"),
        ("pcb1", "anomaly"),
        ("candle", "good"),
        ("candle", "anomaly"),
        ("candle", "anomaly"),
    ]
    assert found[1].path == tmp_path / "pcb1/Data/Images/Anomaly/0.JPG"
    assert found[1].name == "pcb1/Data/Images/Anomaly/0.JPG"
    assert found[3].mask == tmp_path / "candle/Data/Masks/Anomaly/0.png"
    assert found[4].mask is None


def test_one_class_beside_the_table(tmp_path: Path) -> None:
    write_table(tmp_path, HEADER + ROWS)
    (tmp_path / "candle").mkdir()
    assert [p.product for p in VISA.find(tmp_path / "candle")] == ["candle"] * 3
    (tmp_path / "other").mkdir()
    assert VISA.find(tmp_path / "other") == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("object,label\n", "found no split, image, mask"),
        ("", "found no object, split, label, image, mask"),
        (HEADER + "candle,test,broken,a.png,\n", "line 2: .*found 'candle', 'a.png' and 'broken'"),
        (HEADER + "candle,test,normal\n", "line 2: .*found 'candle', '' and 'normal'"),
    ],
)
def test_a_damaged_table_is_named(tmp_path: Path, text: str, message: str) -> None:
    write_table(tmp_path, text)
    with pytest.raises(InputError, match=message):
        VISA.find(tmp_path)


def test_a_table_that_is_no_text(tmp_path: Path) -> None:
    write_table(tmp_path, "")
    (tmp_path / "split_csv/1cls.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"1cls.csv: cannot be read: .*; copy it again"):
        VISA.find(tmp_path)


def test_labels_by_any_name(tmp_path: Path) -> None:
    rows = "a,test,OK,a/0.png,\na,test,NG,a/1.png,a/m.png\n"
    found = VISA.find(write_table(tmp_path, HEADER + rows))
    assert [(p.kind, p.mask) for p in found] == [("good", None), ("anomaly", tmp_path / "a/m.png")]
