"""The design names the rooms that are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DESIGN = (ROOT / "docs" / "design.md").read_text()
PACKAGES = (
    "diad_deploy",
    "export/diad_export",
    "evaluation/diad_evaluate",
    "benchmarks/diad_benchmarks",
)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_room_is_named(package: str) -> None:
    rooms = {path.parent.name for path in (ROOT / package).glob("*/__init__.py")}
    assert rooms
    after = DESIGN[DESIGN.index(f"`{package}/`") :]
    assert not rooms - set(re.findall(r"`(\w+)/`", after))


def test_every_named_room_is_there() -> None:
    rows = re.findall(r"^\| `(\w+(?:/|\.py))` \|", DESIGN, re.MULTILINE)
    assert len(rows) > 20
    missing = [
        row for row in rows if not any((ROOT / package / row).exists() for package in PACKAGES)
    ]
    assert not missing
