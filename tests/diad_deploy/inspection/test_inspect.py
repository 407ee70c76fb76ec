"""Images in, a report out: what is written, what survives, and what it costs."""

import dataclasses
import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from PIL import Image

from diad_deploy.arrays import ImageArray
from diad_deploy.errors import BackendError, OptionError, OutputError
from diad_deploy.images.discover import find_images
from diad_deploy.inspection import inspect as inspection
from diad_deploy.inspection.inspect import WRITERS, InspectionOptions, inspect
from diad_deploy.inspection.summary import Progress, Summary
from diad_deploy.report import folder as layout
from diad_deploy.report.heatmap import draw_heatmap
from diad_deploy.report.results import ResultRow, read_rows
from diad_deploy.thresholds.decide import Decider
from tests.diad_deploy.fake_detector import FakeDetector, plain, write_image, write_images
from tests.diad_deploy.thresholds.threshold_case import make_thresholds

ROOT = Path(__file__).parents[3]
RESUME = InspectionOptions(existing="resume")


def rows(out: Path) -> list[ResultRow]:
    return list(read_rows(out / "results.jsonl"))


def files(out: Path) -> dict[str, bytes]:
    """All files of a report; the page without its seconds and speed."""
    found = {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file()
    }
    timed = rb"<dt>(Time|Images per second)</dt><dd>[^<]*</dd>"
    found["report.html"] = re.sub(timed, b"", found["report.html"])
    return found


def run(
    parts: Path,
    out: Path,
    options: InspectionOptions | None = None,
    detector: FakeDetector | None = None,
    progress: Callable[[Progress], None] = lambda now: None,
) -> Summary:
    return inspect(
        find_images([parts]),
        detector or FakeDetector(),
        out,
        options or InspectionOptions(),
        progress=progress,
    )


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """Thirty images, three of which cannot be read."""
    paths = write_images(tmp_path / "parts", 30)
    for place in (0, 13, 29):
        paths[place].write_bytes(b"")
    return tmp_path / "parts"


def test_each_image_has_its_row_in_order(parts: Path, tmp_path: Path) -> None:
    summary = run(parts, tmp_path / "out")
    found = rows(tmp_path / "out")
    assert [row.picture for row in found] == [f"parts/{n:03}.png" for n in range(30)]
    assert [row.status == "failed" for row in found] == [n in (0, 13, 29) for n in range(30)]
    assert found[13].reason == "the file is empty; copy it again"
    assert found[14].score == pytest.approx((14 * 37 % 251) / 255, abs=1e-5)
    assert (found[14].width, found[14].height) == (24, 16)
    assert (summary.pictures, summary.ok, summary.failed) == (30, 27, 3)
    assert summary.exit_status == 1


def test_the_heatmap_is_the_map_over_the_image_on_the_bundles_scale(tmp_path: Path) -> None:
    write_image(tmp_path / "parts" / "a.jpg", red=180, width=90, height=50)
    run(tmp_path / "parts", tmp_path / "out")
    row = rows(tmp_path / "out")[0]
    assert row.heatmap == "heatmaps/parts/a.jpg.png"
    drawn = np.asarray(Image.open(tmp_path / "out" / row.heatmap))
    flat = np.full((50, 90), 180 / 255, np.float32)
    expected = np.asarray(draw_heatmap(plain(180, 90, 50), flat, (0.0, 1.0)))
    np.testing.assert_allclose(drawn, expected, atol=6)  # JPEG


def test_the_scale_is_the_one_asked_for(tmp_path: Path) -> None:
    write_image(tmp_path / "parts" / "a.png", red=128)
    run(tmp_path / "parts", tmp_path / "low", InspectionOptions(scale=(0.6, 1.0)))
    run(tmp_path / "parts", tmp_path / "high", InspectionOptions(scale=(0.0, 0.4)))
    name = "heatmaps/parts/a.png.png"
    low, high = (np.asarray(Image.open(tmp_path / out / name)) for out in ("low", "high"))
    np.testing.assert_array_equal(low, plain(128))
    assert np.abs(high.astype(int) - plain(128)).max() > 100


def test_images_that_differ_in_folder_or_suffix_do_not_meet(tmp_path: Path) -> None:
    for number, name in enumerate(("x/a.png", "y/a.png", "x/a.bmp", "x/b/a.png")):
        write_image(tmp_path / name, red=number * 60)
    out = tmp_path / "out"
    images = find_images([tmp_path / "x", tmp_path / "y"])
    inspect(images, FakeDetector(), out, InspectionOptions(maps="npy"))
    assert len({row.heatmap for row in rows(out)}) == 4
    for row in rows(out):
        assert row.map is not None
        assert np.load(out / row.map).mean() == pytest.approx(row.score, abs=1e-5)


def test_an_image_beside_a_folder_that_is_called_as_its_heatmap(tmp_path: Path) -> None:
    write_image(tmp_path / "parts/b.png", red=10)
    write_image(tmp_path / "parts/b.png.png/c.png", red=20)
    out = tmp_path / "out"
    assert run(tmp_path / "parts", out, InspectionOptions(maps="npy")).ok == 2
    found = {row.picture: (out / str(row.heatmap)).is_file() for row in rows(out)}
    assert found == {"parts/b.png": True, "parts/b.png.png/c.png": True}
    before = files(out)
    run(tmp_path / "parts", out, InspectionOptions(existing="force", maps="npy"))
    assert files(out) == before


def test_raw_maps_as_tiff(tmp_path: Path) -> None:
    write_image(tmp_path / "parts" / "a.png", red=100)
    run(tmp_path / "parts", tmp_path / "out", InspectionOptions(maps="tiff"))
    assert rows(tmp_path / "out")[0].map == "maps/parts/a.png.tiff"
    with Image.open(tmp_path / "out" / "maps/parts/a.png.tiff") as image:
        assert (image.mode, image.size) == ("F", (64, 64))


def test_only_the_highest_have_thumbnails(tmp_path: Path) -> None:
    parts, out = tmp_path / "parts", tmp_path / "out"
    for n in range(240):
        write_image(parts / f"{n:03}.png", red=(n * 37) % 251)
    run(parts, out)
    best = sorted(rows(out), key=lambda row: (-(row.score or 0.0), row.picture))[:200]
    thumbnails = {path.relative_to(out / "thumbnails") for path in out.rglob("*.input.jpg")}
    assert {str(path) for path in thumbnails} == {f"{row.picture}.input.jpg" for row in best}
    assert (out / "report.html").read_text().count("data:image/jpeg") == 600


def test_rows_are_written_as_they_come(parts: Path, tmp_path: Path) -> None:
    on_disk: list[tuple[int, int]] = []

    def look(now: Progress) -> None:
        on_disk.append((now.done, len(rows(tmp_path / "out"))))

    run(parts, tmp_path / "out", progress=look)
    assert on_disk == [(n, n) for n in range(31)]


def test_progress_counts(parts: Path, tmp_path: Path) -> None:
    told: list[Progress] = []
    run(parts, tmp_path / "out", progress=told.append)
    assert told[0] == Progress(done=0, failed=0, total=30)
    assert told[-1] == Progress(done=30, failed=3, total=30)


def test_the_summary_tells_the_time(tmp_path: Path) -> None:
    write_images(tmp_path / "parts", 8)
    summary = run(
        tmp_path / "parts", tmp_path / "out", detector=FakeDetector(seconds_per_image=0.02)
    )
    assert 0.16 <= summary.model_seconds < summary.seconds
    assert 8 / summary.seconds <= summary.pictures_per_second <= 8 / summary.model_seconds
    assert summary.highest[0] == ("parts/006.png", pytest.approx(222 / 255, abs=1e-5))
    assert (summary.bundle, summary.backend) == ("bundle", "fake")


def test_nothing_but_failures(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "a.png").write_bytes(b"")
    summary = run(tmp_path / "parts", tmp_path / "out")
    assert summary.exit_status == 2
    assert "the file is empty" in (tmp_path / "out" / "report.html").read_text()


class Stop(Exception):
    """Ends a run as nothing in the run expects."""


def stop_at(batch: int, error: BaseException) -> Callable[[int], None]:
    def before(number: int) -> None:
        if number == batch:
            raise error

    return before


@pytest.mark.parametrize("batch", [0, 1, 3, 6])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), BackendError("broken"), Stop()])
def test_a_stopped_run_goes_on_to_the_same_files(
    parts: Path, tmp_path: Path, batch: int, error: BaseException
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    run(parts, whole, InspectionOptions(maps="npy"))
    with pytest.raises(type(error)):
        run(
            parts,
            out,
            InspectionOptions(maps="npy"),
            FakeDetector(before=stop_at(batch, error)),
        )
    finished = sum(row.status == "ok" for row in rows(out))
    if not isinstance(error, Stop):
        # all that the model had done, and the page with it
        assert finished == batch * 4
        assert "The run was stopped" in (out / "report.html").read_text()
    detector = FakeDetector()
    summary = run(parts, out, InspectionOptions(maps="npy", existing="resume"), detector)
    assert detector.seen == 27 - finished
    assert (summary.resumed, summary.pictures, summary.failed) == (finished, 30, 3)
    assert files(out) == files(whole)


def test_a_killed_run_goes_on_to_the_same_files(parts: Path, tmp_path: Path) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    run(parts, whole)
    code = """
        import os, signal, sys
        from pathlib import Path
        from diad_deploy.inspection.inspect import InspectionOptions, inspect
        from diad_deploy.images.discover import find_images
        from tests.diad_deploy.fake_detector import FakeDetector

        def before(batch):
            if batch == 4:
                os.kill(os.getpid(), signal.SIGKILL)

        detector = FakeDetector(before=before)
        inspect(find_images([sys.argv[1]]), detector, sys.argv[2], InspectionOptions())
    """
    killed = python(code, parts, out)
    assert killed.returncode == -signal.SIGKILL
    left = rows(out)
    # 16 and a failure were through the model; those just being drawn are lost too
    assert len(left) >= 17 - WRITERS - 1
    assert not (out / "report.html").exists()
    with (out / "results.jsonl").open("ab") as torn:
        torn.write(b'{"picture": "parts/0')
    run(parts, out, RESUME)
    assert files(out) == files(whole)


def test_resuming_a_finished_run_tries_failures_again(parts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(parts, out)
    write_image(parts / "013.png", red=77)
    detector = FakeDetector()
    summary = run(parts, out, RESUME, detector)
    assert detector.seen == 1
    assert (summary.ok, summary.failed, summary.resumed) == (28, 2, 27)
    assert [row.picture for row in rows(out)] == [f"parts/{n:03}.png" for n in range(30)]
    whole = tmp_path / "whole"
    run(parts, whole)
    assert files(out) == files(whole)


def test_resuming_takes_in_new_and_changed_images(parts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(parts, out)
    write_image(parts / "007b.png", red=250)
    write_image(parts / "020.png", red=1, width=33)
    run(parts, out, RESUME)
    whole = tmp_path / "whole"
    run(parts, whole)
    assert files(out) == files(whole)


def test_resuming_in_a_new_folder_begins(parts: Path, tmp_path: Path) -> None:
    assert run(parts, tmp_path / "out", RESUME).pictures == 30


def test_resuming_with_another_bundle_is_refused(parts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(parts, out)
    before = files(out)
    with pytest.raises(OutputError, match=r"bundle_sha256 was 'bundle' \(.*now 'bundle' \("):
        run(parts, out, RESUME, FakeDetector(seed=1))
    assert files(out) == before


def test_a_report_is_not_overwritten_unasked_and_with_force_it_is(
    parts: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run(parts, out)
    (out / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="not empty"):
        run(parts, out)
    (parts / "014.png").unlink()
    run(parts, out, InspectionOptions(existing="force"))
    assert (out / "mine.txt").read_text() == "mine"
    assert not (out / "heatmaps/parts/014.png.png").exists()
    (out / "mine.txt").unlink()
    run(parts, tmp_path / "whole")
    assert files(out) == files(tmp_path / "whole")


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


def empty(path: Path) -> None:
    path.write_bytes(b"")


def gone(path: Path) -> None:
    # one step, also while other threads write there
    path.rename(path.with_name("gone"))


def as_file(path: Path) -> None:
    gone(path)
    path.write_text("a file")


def made_anew(path: Path) -> None:
    gone(path)
    path.mkdir()


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


def after(done: int, change: Callable[[], object]) -> Callable[[Progress], None]:
    """Does something once so many rows are there."""

    def told(now: Progress) -> None:
        if now.done == done:
            change()

    return told


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


def test_a_stopped_run_with_thresholds_goes_on_to_the_same_files(
    parts: Path, tmp_path: Path
) -> None:
    judge = Decider(thresholds=make_thresholds(overall=0.6, parts=0.4))
    options = InspectionOptions(judge=judge)
    summary = run(parts, tmp_path / "whole", options)
    decided = [row for row in rows(tmp_path / "whole") if row.decision is not None]
    assert summary.decisions == {
        name: sum(row.decision == name for row in decided) for name in ("good", "defect")
    }
    assert {(row.class_name, row.threshold) for row in decided} == {("parts", 0.4)}
    assert len(decided) == 27
    with pytest.raises(BackendError):
        run(parts, tmp_path / "out", options, FakeDetector(before=stop_at(3, BackendError("x"))))
    resumed = run(parts, tmp_path / "out", dataclasses.replace(options, existing="resume"))
    assert resumed.decisions == summary.decisions
    assert files(tmp_path / "out") == files(tmp_path / "whole")


def test_results_of_a_version_without_thresholds_are_gone_on_with(
    parts: Path, tmp_path: Path
) -> None:
    run(parts, tmp_path / "out")
    path = tmp_path / "out" / "results.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for values in lines:
        for name in ("class", "threshold", "decision", "margin", "regions"):
            del values[name]
    path.write_text("".join(json.dumps(values) + "\n" for values in lines[:20]))
    detector = FakeDetector()
    assert run(parts, tmp_path / "out", RESUME, detector).resumed == 18
    assert detector.seen == 9
    assert [row.picture for row in rows(tmp_path / "out")] == [
        f"parts/{n:03}.png" for n in range(30)
    ]


def test_an_image_too_large_to_draw_fails_and_the_others_go_on(
    parts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def draw(image: ImageArray, *rest: Any) -> Image.Image:
        if image[0, 0, 0] == 17 * 37 % 251:
            raise MemoryError
        return draw_heatmap(image, *rest)

    with monkeypatch.context() as patch:
        patch.setattr("diad_deploy.report.image_outputs.draw_heatmap", draw)
        summary = run(parts, tmp_path / "out")
    assert (summary.ok, summary.failed) == (26, 4)
    assert rows(tmp_path / "out")[17].reason == "memory ran out while drawing; make it smaller"
    run(parts, tmp_path / "out", RESUME)
    run(parts, tmp_path / "whole")
    assert files(tmp_path / "out") == files(tmp_path / "whole")


@pytest.mark.parametrize("workers", [1, 7])
def test_the_number_of_workers_changes_nothing(parts: Path, tmp_path: Path, workers: int) -> None:
    run(parts, tmp_path / "whole")
    run(parts, tmp_path / "out", InspectionOptions(workers=workers))
    assert files(tmp_path / "out") == files(tmp_path / "whole")


@pytest.mark.parametrize("workers", [0, -1, 257])
def test_a_number_of_workers_that_is_none(workers: int) -> None:
    with pytest.raises(OptionError, match=f"--workers {workers}: expected 1 to 256"):
        InspectionOptions(workers=workers)


@pytest.mark.parametrize("scale", [(1.0, 1.0), (2.0, 1.0), (0.0, float("inf")), (float("nan"), 1)])
def test_a_scale_that_is_none(scale: tuple[float, float]) -> None:
    with pytest.raises(OptionError, match="two finite numbers, the lower one first"):
        InspectionOptions(scale=scale)


def python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


MEASURE = """
    import json, resource, sys
    from diad_deploy.inspection.inspect import InspectionOptions, inspect
    from diad_deploy.images.discover import find_images
    from tests.diad_deploy.fake_detector import FakeDetector

    images = find_images([sys.argv[1]])[:int(sys.argv[3])]
    detector = FakeDetector(batch_size=8, seconds_per_image=float(sys.argv[4]))
    summary = inspect(images, detector, sys.argv[2], InspectionOptions())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"peak": peak, **summary.as_json()}))
"""


def measure(parts: Path, out: Path, count: int, seconds_per_image: float) -> dict[str, float]:
    done = python(MEASURE, parts, out, count, seconds_per_image)
    assert done.returncode == 0, done.stderr
    found: dict[str, float] = json.loads(done.stdout)
    shutil.rmtree(out)
    return found


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    first = write_image(folder / "0000.png", red=10, width=96, height=96).read_bytes()
    for n in range(1, 2000):
        (folder / f"{n:04}.png").write_bytes(first)
    return folder


def test_memory_does_not_grow_with_the_number_of_images(many: Path, tmp_path: Path) -> None:
    few = measure(many, tmp_path / "out", 200, 0.0)
    all_of_them = measure(many, tmp_path / "out", 2000, 0.0)
    assert all_of_them["ok"] == 2000
    assert all_of_them["peak"] <= 1.1 * few["peak"]


def test_the_runtime_adds_little_to_the_models_own_time(many: Path, tmp_path: Path) -> None:
    found = measure(many, tmp_path / "out", 120, 0.05)
    assert found["model_seconds"] >= 6.0
    assert found["seconds"] <= 1.1 * found["model_seconds"]
