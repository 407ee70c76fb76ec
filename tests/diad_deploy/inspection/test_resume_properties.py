"""Wherever a run was interrupted, resuming it produces the files of an uninterrupted run."""

import shutil
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from diad_deploy.inspection.inspect import InspectionOptions
from diad_deploy.report import folder as layout
from tests.diad_deploy.fake_detector import FakeDetector, write_images
from tests.diad_deploy.inspection.test_inspect import files, rows, run

IMAGES = 6
FAILED = 2
OPTIONS = InspectionOptions(maps="npy")
RESUME = InspectionOptions(maps="npy", existing="resume")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Six images, one of which cannot be read, and the report of a run that nothing stopped."""
    folder = tmp_path_factory.mktemp("finished")
    write_images(folder / "parts", IMAGES)[FAILED].write_bytes(b"")
    run(folder / "parts", folder / "whole", OPTIONS)
    return folder / "parts", folder / "whole"


@settings(max_examples=20)
@given(
    order=st.permutations(range(IMAGES)),
    cut=st.integers(0, 5000),
    table_cut=st.integers(0, 5000),
    torn=st.binary(max_size=20).filter(lambda tail: b"\n" not in tail),
    lost=st.sets(st.integers(0, IMAGES - 1), max_size=2),
    page=st.booleans(),
)
@example(order=list(range(IMAGES)), cut=0, table_cut=0, torn=b"", lost=set(), page=False)
def test_the_files_are_those_of_one_run(
    finished: tuple[Path, Path],
    tmp_path: Path,
    order: list[int],
    cut: int,
    table_cut: int,
    torn: bytes,
    lost: set[int],
    page: bool,
) -> None:
    parts, whole = finished
    out = tmp_path / "out"
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(whole, out)
    # threads finish their images in any order
    results, table = out / layout.RESULTS, out / layout.TABLE
    lines = results.read_bytes().splitlines(keepends=True)
    content = b"".join(lines[place] for place in order)
    results.write_bytes(content[: cut % (len(content) + 1)])
    table.write_bytes(table.read_bytes()[:table_cut])
    left = {row.picture for row in rows(out) if row.status == "ok"}
    with results.open("ab") as file:
        file.write(torn)
    for row in rows(whole):
        if int(Path(row.picture).stem) in lost and row.heatmap is not None:
            (out / row.heatmap).unlink()
            left.discard(row.picture)
    if not page:
        (out / layout.PAGE).unlink()

    detector = FakeDetector()
    run(parts, out, RESUME, detector)
    assert files(out) == files(whole)
    assert detector.seen == IMAGES - 1 - len(left)
