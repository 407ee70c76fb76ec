"""Disks that fill up, and files that vanish during a run."""

import dataclasses
import errno
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest

from diad_deploy.errors import BackendError, OutputError
from diad_deploy.inspection import inspect as inspection
from diad_deploy.inspection.inspect import InspectionOptions
from diad_deploy.inspection.summary import Progress
from diad_deploy.report import folder as layout
from tests.diad_deploy.fake_detector import FakeDetector
from tests.diad_deploy.inspection.inspection_case import (
    RESUME,
    after,
    as_file,
    empty,
    files,
    gone,
    made_anew,
    python,
    rows,
    run,
    stop_at,
)


def test_a_disk_that_fills_up_keeps_what_is_finished(
    parts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    real = Path.write_bytes

    def filling(path: Path, content: bytes) -> int:
        if path.name == "017.png.png":
            real(path, content[:10])
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return real(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", filling)
        with pytest.raises(OutputError, match=r"No space left on device .*--resume"):
            run(parts, out)
    assert [row.picture for row in rows(out)] == [f"parts/{n:03}.png" for n in range(17)]
    assert not (out / "heatmaps/parts/017.png.png").exists()
    run(parts, out, RESUME)
    run(parts, tmp_path / "whole")
    assert files(out) == files(tmp_path / "whole")


@pytest.mark.parametrize("after", [1, 30])
@pytest.mark.parametrize("change", [gone, as_file, made_anew])
def test_a_folder_removed_under_a_run_ends_it_and_is_left_alone(
    parts: Path, tmp_path: Path, after: int, change: Callable[[Path], object]
) -> None:
    out = tmp_path / "out"

    def disturb(now: Progress) -> None:
        if now.done == after:
            change(out)

    with pytest.raises(OutputError, match=rf"{out}: was removed or replaced while the run was"):
        run(parts, out, progress=disturb)
    assert not any((out / name).exists() for name in layout.TOP_LEVEL)


@pytest.mark.parametrize("after", [1, 30])
@pytest.mark.parametrize(
    ("name", "change"),
    [("results.jsonl", Path.unlink), ("results.jsonl", empty), ("results.csv", Path.unlink)],
)
def test_results_removed_under_a_run_end_it_and_it_can_go_on(
    parts: Path, tmp_path: Path, after: int, name: str, change: Callable[[Path], object]
) -> None:
    out = tmp_path / "out"

    def disturb(now: Progress) -> None:
        if now.done == after:
            change(out / name)

    with pytest.raises(OutputError, match=r"(was removed or replaced|was changed).*--resume"):
        run(parts, out, progress=disturb)
    run(parts, out, RESUME)
    run(parts, tmp_path / "whole")
    assert files(out) == files(tmp_path / "whole")


def test_the_csv_keeps_its_rows_where_the_json_lines_are_gone(parts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(OutputError, match=r"results.jsonl: was removed or replaced.*--resume"):
        run(parts, out, progress=after(10, (out / "results.jsonl").unlink))
    # with the line of column names
    assert (out / "results.csv").read_bytes().count(b"\n") == 11


def test_rows_lost_while_a_run_goes_on_stay_in_the_csv(parts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(BackendError):
        run(parts, out, detector=FakeDetector(before=stop_at(3, BackendError("x"))))
    with pytest.raises(OutputError, match=r"results.jsonl: expected 30 rows, found .*--resume"):
        run(parts, out, RESUME, progress=after(20, lambda: empty(out / "results.jsonl")))
    assert (out / "results.csv").read_bytes().count(b"\n") == 31


@pytest.mark.parametrize("maps", [None, "npy"])
def test_outputs_removed_under_a_run_end_it_and_it_can_go_on(
    parts: Path, tmp_path: Path, maps: Literal["npy"] | None
) -> None:
    out = tmp_path / "out"
    options = InspectionOptions(maps=maps)
    folder = out / ("maps" if maps else "heatmaps")
    # the last row: no other thread writes there
    with pytest.raises(OutputError, match=r"27 of its heatmaps and maps were removed.*--resume"):
        run(parts, out, options, progress=after(30, lambda: shutil.rmtree(folder)))
    assert (out / "report.html").is_file()
    run(parts, out, dataclasses.replace(options, existing="resume"))
    run(parts, tmp_path / "whole", options)
    assert files(out) == files(tmp_path / "whole")


def test_lost_outputs_of_an_image_that_is_not_given_any_more_end_no_run(
    parts: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run(parts, out)
    (parts / "005.png").unlink()
    (out / "heatmaps/parts/005.png.png").unlink()
    assert run(parts, out, RESUME).pictures == 30


@pytest.mark.parametrize("done", [1, 30])
def test_a_record_removed_under_a_run_is_written_again(
    parts: Path, tmp_path: Path, done: int
) -> None:
    out = tmp_path / "out"
    run(parts, out, progress=after(done, (out / "run.json").unlink))
    run(parts, tmp_path / "whole")
    assert files(out) == files(tmp_path / "whole")
    assert run(parts, out, RESUME).resumed == 27


@pytest.mark.parametrize("name", ["write_page", "rank", "update_record"])
def test_an_interrupt_after_the_last_row_still_writes_the_page(
    parts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    real, calls = getattr(inspection, name), []

    def first_interrupts(*given: Any) -> Any:
        calls.append(given)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return real(*given)

    monkeypatch.setattr(inspection, name, first_interrupts)
    with pytest.raises(KeyboardInterrupt):
        run(parts, tmp_path / "out")
    run(parts, tmp_path / "whole")
    assert files(tmp_path / "out") == files(tmp_path / "whole")


def test_a_removed_folder_hides_no_error_of_the_model(parts: Path, tmp_path: Path) -> None:
    def fail(batch: int) -> None:
        gone(tmp_path / "out")
        raise BackendError("broken")

    with pytest.raises(BackendError, match="broken"):
        run(parts, tmp_path / "out", detector=FakeDetector(before=fail))
    assert not (tmp_path / "out").exists()


def test_a_limit_that_nothing_gets_past_leaves_whole_lines(parts: Path, tmp_path: Path) -> None:
    code = """
        import resource, signal, sys
        from diad_deploy.errors import OutputError
        from diad_deploy.inspection.inspect import InspectionOptions, inspect
        from diad_deploy.images.discover import find_images
        from tests.diad_deploy.fake_detector import FakeDetector

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
        try:
            inspect(find_images([sys.argv[1]]), FakeDetector(), sys.argv[2], InspectionOptions())
        except OutputError as error:
            print(error)
            raise SystemExit(2)
    """
    out = tmp_path / "out"
    stopped = python(code, parts, out)
    assert stopped.returncode == 2, stopped.stderr
    assert "cannot be written: File too large" in stopped.stdout
    assert (out / "results.jsonl").read_bytes().endswith(b"}\n")
    assert 5 < len(rows(out)) < 30
    run(parts, out, RESUME)
    run(parts, tmp_path / "whole")
    assert files(out) == files(tmp_path / "whole")
