"""`diad-run` as a person or a script meets it."""

import json
import os
import pty
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diad_deploy import __version__
from diad_deploy.bundle.folder import Bundle
from diad_deploy.cli.run import main
from diad_deploy.detector import Detector
from diad_deploy.errors import BackendError, BundleMissingError
from diad_deploy.images.formats.opening import LIMIT_PX
from diad_deploy.report.results import read_rows
from diad_deploy.thresholds.file import write_thresholds
from tests.diad_deploy.fake_detector import FakeDetector, write_image, write_images
from tests.diad_deploy.thresholds.threshold_case import make_thresholds
from tests.entry_points import call
from tests.standin import write_standin_bundle

ROOT = Path(__file__).parents[3]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    write_images(tmp_path / "parts", 14)
    return tmp_path / "parts"


@pytest.fixture
def detector() -> FakeDetector:
    return FakeDetector()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, detector: FakeDetector) -> list[dict[str, Any]]:
    """What the detector was opened with."""
    calls: list[dict[str, Any]] = []

    def open_fake(bundle: Path, **options: Any) -> FakeDetector:
        calls.append({"bundle": bundle, **options})
        return detector

    monkeypatch.setattr("diad_deploy.detector.Detector.open", open_fake)
    return calls


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    opened: list[dict[str, Any]],
) -> Run:
    """Runs `diad-run` with a fake detector: exit status, standard output, standard error."""

    def run_main(*arguments: object) -> tuple[int, str, str]:
        return call(main, arguments, monkeypatch, capsys, name="diad-run")

    return run_main


def one_line(text: str) -> bool:
    return text.startswith("diad-run: ") and text.count("\n") == 1


def test_a_run_ends_with_a_table_and_the_reports_path(
    run: Run, parts: Path, tmp_path: Path
) -> None:
    status, out, _ = run(parts, "--bundle", "b", "-o", tmp_path / "out")
    assert status == 0
    assert "Highest scores" in out
    assert out.index("parts/013.png") < out.index("parts/006.png")
    assert out.count(".png") == 12
    assert out.splitlines()[-1] == f"report: {tmp_path / 'out' / 'report.html'}"
    assert (tmp_path / "out" / "report.html").is_file()


def test_json_is_all_of_standard_output(run: Run, parts: Path, tmp_path: Path) -> None:
    (parts / "bad.png").write_bytes(b"")
    status, out, err = run(parts, "--bundle", "b", "-o", tmp_path / "out", "--json")
    assert status == 1
    summary = json.loads(out)
    assert (summary["pictures"], summary["ok"], summary["failed"]) == (15, 14, 1)
    assert summary["highest"][0]["picture"] == "parts/013.png"
    assert err.splitlines()[-1] == "15 of 15 images, 1 failed"


def test_workers_reach_the_reading(
    run: Run, parts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from diad_deploy.inspection import inspect as inspection

    told: list[int | None] = []

    def stream(*files: Any, workers: int | None, **given: Any) -> Any:
        told.append(workers)
        return real(*files, workers=workers, **given)

    real = inspection.stream
    monkeypatch.setattr(inspection, "stream", stream)
    assert run(parts, "--bundle", "b", "-o", tmp_path / "a")[0] == 0
    assert run(parts, "--bundle", "b", "-o", tmp_path / "b", "--workers", 3)[0] == 0
    assert told == [None, 3]


def test_options_reach_the_detector_and_the_report(
    run: Run, parts: Path, tmp_path: Path, opened: list[dict[str, Any]]
) -> None:
    out = tmp_path / "out"
    model = ("--backend", "onnxruntime", "--batch-size", 3, "--threads", 2)
    report = ("--scale", -0.5, 2, "--maps", "tiff")
    status, *_ = run(parts, "--bundle", tmp_path / "my bundle", "-o", out, *model, *report)
    assert status == 0
    assert opened == [
        {
            "bundle": tmp_path / "my bundle",
            "backend": "onnxruntime",
            "device": "auto",
            "threads": 2,
            "tf32": False,
            "batch_size": 3,
            "thresholds": None,
            "bit_depth": None,
            "white": None,
            "max_megapixels": LIMIT_PX / 1e6,
        }
    ]
    record = json.loads((out / "run.json").read_text())
    assert (record["bundle"], record["scale"], record["maps"]) == ("my bundle", [-0.5, 2.0], "tiff")
    assert (out / "maps/parts/000.png.tiff").is_file()


def test_all_failed_is_nothing_done(run: Run, tmp_path: Path) -> None:
    status, out, _ = run(tmp_path / "gone.png", "--bundle", "b", "-o", tmp_path / "out")
    assert status == 2
    assert "1 failed" in out
    (row,) = read_rows(tmp_path / "out" / "results.jsonl")
    assert (row.picture, row.reason) == ("gone.png", "no such file")


def test_demo_takes_what_is_built_in(
    run: Run,
    parts: Path,
    tmp_path: Path,
    opened: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("diad_deploy.bundle.folder.builtin_images", lambda: parts)
    monkeypatch.setattr("diad_deploy.bundle.folder.builtin_bundle", lambda: tmp_path / "builtin")
    status, out, _ = run("--demo", "-o", tmp_path / "out", "--json")
    assert (status, json.loads(out)["pictures"]) == (0, 14)
    assert opened[0]["bundle"] == tmp_path / "builtin"


def test_resume_and_force(run: Run, parts: Path, tmp_path: Path, detector: FakeDetector) -> None:
    arguments = (parts, "--bundle", "b", "-o", tmp_path / "out")
    assert run(*arguments)[0] == 0
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert one_line(err)
    assert "--resume" in err
    write_image(parts / "new.png")
    assert run(*arguments, "--resume")[0] == 0
    assert detector.seen == 15
    assert run(*arguments, "--force")[0] == 0
    assert detector.seen == 30


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--bundle", "b", "-o", "out"], "PATHS are missing"),
        (["p", "-o", "out"], "--bundle is missing"),
        (["p", "--bundle", "b"], "Missing option '-o'"),
        (["p", "--bundle", "b", "-o", "out", "--force", "--resume"], "exclude each other"),
        (["p", "--bundle", "b", "-o", "out", "--scale", "1", "0"], "the lower one first"),
        (["p", "--bundle", "b", "-o", "out", "--scale", "nan", "1"], "finite"),
        (["p", "--bundle", "b", "-o", "out", "--scale", "1"], "requires 2 arguments"),
        (["p", "--bundle", "b", "-o", "out", "--maps", "exr"], "'npy', 'tiff'"),
        (["p", "--bundle", "b", "-o", "out", "--batch-size", "0"], "x>=1"),
        (["p", "--bundle", "b", "-o", "out", "--threads", "many"], "not a valid integer"),
        (["p", "--bundle", "b", "-o", "out", "--colour"], "No such option"),
    ],
)
def test_usage_errors_are_one_line(run: Run, arguments: list[str], message: str) -> None:
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert one_line(err)
    assert message in err


def test_an_empty_folder(run: Run, tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    status, _, err = run(tmp_path / "parts", "--bundle", "b", "-o", tmp_path / "out")
    assert status == 2
    assert one_line(err)
    assert "no images found" in err
    assert not (tmp_path / "out").exists()


def test_an_output_that_cannot_be_made(run: Run, parts: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    status, _, err = run(parts, "--bundle", "b", "-o", tmp_path / "file" / "out")
    assert status == 2
    assert one_line(err)


@pytest.mark.parametrize("error", [BundleMissingError("b: no such folder"), BackendError("none")])
def test_a_bundle_that_does_not_open(
    run: Run, parts: Path, tmp_path: Path, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> FakeDetector:
        raise error

    monkeypatch.setattr("diad_deploy.detector.Detector.open", refuse)
    status, out, err = run(parts, "--bundle", "b", "-o", tmp_path / "out")
    assert (status, out, err) == (2, "", f"diad-run: {error}\n")
    assert not (tmp_path / "out").exists()


def test_names_cannot_talk_to_the_terminal(run: Run, tmp_path: Path) -> None:
    write_image(tmp_path / "parts" / "\x1b[31m[red]\udcff.png")
    _, out, _ = run(tmp_path / "parts", "--bundle", "b", "-o", tmp_path / "out")
    assert "\\x1b[31m[red]\\udcff.png" in out
    status, out, _ = run(tmp_path / "parts", "--bundle", "b", "-o", tmp_path / "out2", "--json")
    assert status == 0
    assert json.loads(out)["highest"][0]["picture"] == "parts/\x1b[31m[red]\udcff.png"


INTERRUPTED = """
    import sys, time
    from diad_deploy.detector import Detector
    from diad_deploy.cli.run import main
    from tests.diad_deploy.fake_detector import FakeDetector

    def before(batch):
        if batch == 2:
            print("in the model", file=sys.stderr, flush=True)
            time.sleep(20)

    detector = FakeDetector(before=before)
    Detector.open = lambda *_, **__: detector
    main()
"""


def subprocess_environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}


def test_ctrl_c_keeps_what_is_finished(parts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(INTERRUPTED), parts, "--bundle", "b", "-o", out],
        cwd=ROOT,
        env=subprocess_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "in the model\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert err.splitlines()[-1] == "diad-run: interrupted"
    assert len(list(read_rows(out / "results.jsonl"))) == 8
    assert "stopped after 8 of 14" in (out / "report.html").read_text()


def python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        env=subprocess_environment(),
        capture_output=True,
        text=True,
        check=False,
    )


MAIN = "from diad_deploy.cli.run import main; main()"


def test_from_images_to_page_with_a_model(
    standin_bundle: Bundle, parts: Path, tmp_path: Path
) -> None:
    (parts / "bad.png").write_text("no image")
    out = tmp_path / "out"
    arguments = (parts, "--bundle", standin_bundle.path, "-o", out, "--maps", "npy", "--json")
    done = python(MAIN, *arguments, "--threads", 1)
    assert done.returncode == 1, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["ok"], summary["failed"], summary["backend"]) == (14, 1, "onnxruntime")
    with Detector.open(standin_bundle, threads=1) as detector:
        for row in read_rows(out / "results.jsonl"):
            if row.status == "ok":
                (detection,) = detector.detect([row.path])
                assert row.score == pytest.approx(detection.score, rel=1e-5)
                assert row.map is not None
                np.testing.assert_allclose(np.load(out / row.map), detection.anomaly_map, atol=1e-6)


def test_a_damaged_bundle_is_one_line(own_bundle: Bundle, parts: Path, tmp_path: Path) -> None:
    graph = own_bundle.file(own_bundle.manifest.graph("decoder").file)
    content = bytearray(graph.read_bytes())
    content[len(content) // 2] ^= 1
    graph.write_bytes(content)
    done = python(MAIN, parts, "--bundle", own_bundle.path, "-o", tmp_path / "out")
    assert (done.returncode, done.stdout) == (2, "")
    assert one_line(done.stderr)
    assert "changed" in done.stderr
    assert not (tmp_path / "out").exists()


def test_resuming_with_another_bundle_is_one_line(
    standin_bundle: Bundle, parts: Path, tmp_path: Path
) -> None:
    other = write_standin_bundle(tmp_path / "other", steps=4)
    first = (parts, "--bundle", standin_bundle.path, "-o", tmp_path / "out")
    assert python(MAIN, *first).returncode == 0
    done = python(MAIN, parts, "--bundle", other.path, "-o", tmp_path / "out", "--resume")
    assert done.returncode == 2
    assert one_line(done.stderr)
    assert "was 'bundle'" in done.stderr
    assert "now 'other'" in done.stderr


def with_thresholds(folder: Path, **given: float) -> Path:
    (folder / "b").mkdir()
    write_thresholds(folder / "b" / "thresholds.json", make_thresholds(**given))
    return folder / "b"


def test_rows_carry_what_the_bundles_thresholds_decide(run: Run, tmp_path: Path) -> None:
    write_image(tmp_path / "parts" / "screw" / "a.png", red=150, width=64, height=64)
    write_image(tmp_path / "parts" / "gear" / "b.png", red=150)
    write_image(tmp_path / "parts" / "c.png", red=10)
    bundle = with_thresholds(tmp_path, overall=0.6, screw=0.3)
    status, out, _ = run(tmp_path / "parts", "--bundle", bundle, "-o", tmp_path / "out")
    assert status == 0
    assert f"1 defective, 2 good; thresholds: {bundle / 'thresholds.json'}\n" in out
    other, gear, screw = read_rows(tmp_path / "out" / "results.jsonl")
    assert (other.class_name, other.threshold, other.decision) == (None, 0.6, "good")
    assert (gear.class_name, gear.decision, gear.regions) == (None, "good", ())
    assert (screw.class_name, screw.threshold, screw.decision) == ("screw", 0.3, "defect")
    assert screw.score is not None
    assert screw.margin == pytest.approx(screw.score - 0.3, abs=1e-6)
    assert screw.regions is not None
    assert [region.box for region in screw.regions] == [(0, 0, 64, 64)]


def test_defects_end_with_status_3_where_asked_for(run: Run, parts: Path, tmp_path: Path) -> None:
    (parts / "bad.png").write_bytes(b"")
    bundle = with_thresholds(tmp_path, overall=0.6)
    arguments = (parts, "--bundle", bundle, "--json")
    assert run(*arguments, "-o", tmp_path / "1")[0] == 1
    status, out, _ = run(*arguments, "-o", tmp_path / "2", "--fail-on-defect")
    summary = json.loads(out)
    reds = [(n * 37) % 251 for n in range(14)]
    defects = sum(red / 255 > 0.6 for red in reds)
    assert status == 3
    assert summary["decisions"] == {"good": 14 - defects, "defect": defects}
    high = ("--threshold", 0.99, "--fail-on-defect")
    status, out, _ = run(*arguments, "-o", tmp_path / "3", *high)
    assert (status, json.loads(out)["thresholds"]) == (1, "--threshold 0.99")
    (parts / "bad.png").unlink()
    assert run(*arguments, "-o", tmp_path / "4", *high)[0] == 0
    # what an earlier run found counts, too
    assert run(*arguments, "-o", tmp_path / "2", "--fail-on-defect", "--resume")[0] == 3


def test_class_and_file_of_thresholds(run: Run, parts: Path, tmp_path: Path) -> None:
    bundle = with_thresholds(tmp_path, overall=0.6)
    write_thresholds(tmp_path / "own.json", make_thresholds(overall=0.9, screw=0.1))
    arguments = (parts, "--bundle", bundle, "--thresholds", tmp_path / "own.json")
    assert run(*arguments, "-o", tmp_path / "out", "--class", "screw")[0] == 0
    rows = list(read_rows(tmp_path / "out" / "results.jsonl"))
    assert {(row.class_name, row.threshold) for row in rows} == {("screw", 0.1)}
    status, out, err = run(*arguments, "-o", tmp_path / "out2", "--class", "scew")
    assert (status, out) == (2, "")
    assert one_line(err)
    assert "expected one of screw" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--fail-on-defect"], "no threshold says what is defective"),
        (["--threshold", "nan"], "expected a finite number"),
        (["--threshold", "1", "--thresholds", "t.json"], "exclude each other"),
        (["--thresholds", "t.json"], "t.json: cannot be read"),
    ],
)
def test_thresholds_that_do_not_fit_are_one_line(
    run: Run, parts: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    status, out, err = run(parts, "--bundle", "b", "-o", tmp_path / "out", *arguments)
    assert (status, out) == (2, "")
    assert one_line(err)
    assert message in err
    assert not (tmp_path / "out").exists()


def test_another_bundles_thresholds_stop_the_run_before_it_writes(
    run: Run, parts: Path, tmp_path: Path, standin_bundle: Bundle
) -> None:
    path = tmp_path / "t.json"
    write_thresholds(path, make_thresholds(standin_bundle.manifest))
    status, _, err = run(parts, "--bundle", "b", "-o", tmp_path / "out", "--thresholds", path)
    assert status == 2
    assert one_line(err)
    assert "set with another bundle" in err
    assert not (tmp_path / "out").exists()


def test_resuming_with_other_thresholds_is_refused(
    run: Run, parts: Path, tmp_path: Path, detector: FakeDetector
) -> None:
    bundle = with_thresholds(tmp_path)
    arguments = (parts, "--bundle", bundle, "-o", tmp_path / "out")
    assert run(*arguments)[0] == 0
    assert run(*arguments, "--resume")[0] == 0
    write_thresholds(bundle / "thresholds.json", make_thresholds(overall=0.2), force=True)
    for changes in ((), ("--threshold", 0.5), ("--class", "screw")):
        status, _, err = run(*arguments, "--resume", *changes)
        assert status == 2
        assert one_line(err)
        assert "begun with other settings: thresh" in err
    assert detector.seen == 14


HELP = """
import sys
from diad_deploy.cli.run import main
try:
    main()
finally:
    heavy = ["numpy", "PIL", "cv2", "rich", "jinja2", "pydantic", "onnxruntime", "torch", "onnx"]
    print([name for name in heavy if name in sys.modules], file=sys.stderr)
"""


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_loads_nothing_heavy(argument: str) -> None:
    done = python(HELP, argument)
    assert done.returncode == 0
    assert done.stderr == "[]\n"


def test_the_test_for_heavy_imports_can_fail() -> None:
    assert python("import numpy\n" + HELP, "--help").stderr == "['numpy']\n"


def test_help_comes_within_half_a_second() -> None:
    times = []
    for _ in range(3):
        began = time.perf_counter()
        python(HELP, "--help")
        times.append(time.perf_counter() - began)
    assert min(times) < 0.5


def test_help_explains_each_option_and_has_an_example() -> None:
    out = python(HELP, "--help").stdout
    assert "diad-run parts/ --bundle bundle -o out" in out
    options = "bundle output backend batch-size threads workers scale maps resume force json demo "
    options += "version threshold thresholds class fail-on-defect"
    for option in options.split():
        assert f"--{option}" in out
    assert "\x08" not in out


def test_version() -> None:
    assert python(HELP, "--version").stdout == f"diad-run, version {__version__}\n"


def test_a_bar_on_a_terminal_and_no_remarks_of_libraries(parts: Path, tmp_path: Path) -> None:
    code = textwrap.dedent(INTERRUPTED).replace("batch == 2", "False")
    terminal, other_end = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", code, parts, "--bundle", "b", "-o", tmp_path / "out", "--json"],
        cwd=ROOT,
        env={**subprocess_environment(), "TERM": "xterm-256color"},
        stdout=subprocess.PIPE,
        stderr=other_end,
    ) as process:
        os.close(other_end)
        out, _ = process.communicate(timeout=20)
        shown = b""
        with suppress(OSError):  # how a terminal that nobody writes to any more ends
            while more := os.read(terminal, 100_000):
                shown += more
        os.close(terminal)
    assert process.returncode == 0
    assert json.loads(out)["ok"] == 14
    assert b"14/14" in shown


def test_a_run_killed_from_outside_goes_on_to_the_same_files(
    own_bundle: Bundle, tmp_path: Path
) -> None:
    write_images(tmp_path / "parts", 160)
    (tmp_path / "parts" / "003.png").write_bytes(b"")
    arguments = (tmp_path / "parts", "--bundle", own_bundle.path, "--batch-size", 4)
    assert python(MAIN, *arguments, "-o", tmp_path / "whole").returncode == 1
    out = tmp_path / "out"
    running = subprocess.Popen(
        [sys.executable, "-c", MAIN, *map(str, arguments), "-o", str(out)],
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    )
    while sum(1 for _ in read_rows(out / "results.jsonl")) < 20:
        time.sleep(0.002)
    running.send_signal(signal.SIGSTOP)  # it must not end while another one tries
    beside = python(MAIN, *arguments, "-o", out, "--resume")
    running.kill()
    assert running.wait() == -signal.SIGKILL, "the run ended before it could be killed"
    assert beside.returncode == 2
    assert f"another run is writing to it (process {running.pid})" in beside.stderr
    assert python(MAIN, *arguments, "-o", out, "--resume").returncode == 1
    names = ["results.jsonl", "results.csv", "run.json"]
    names += [path.relative_to(out).as_posix() for path in out.glob("*/**/*.*g")]
    assert len(names) > 3 + 159
    for name in names:
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
