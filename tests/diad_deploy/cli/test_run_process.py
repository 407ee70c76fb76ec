"""`diad-run` in a separate process: signals, terminals, real bundles."""

import json
import os
import pty
import signal
import subprocess
import sys
import textwrap
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from diad_deploy.bundle.folder import Bundle
from diad_deploy.detector import Detector
from diad_deploy.report.results import read_rows
from tests.diad_deploy.cli.run_case import (
    INTERRUPTED,
    MAIN,
    ROOT,
    one_line,
    python,
    subprocess_environment,
)
from tests.diad_deploy.fake_detector import write_images
from tests.standin import write_standin_bundle


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
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert err.splitlines()[-1] == "diad-run: interrupted"
    assert len(list(read_rows(out / "results.jsonl"))) == 8
    assert "stopped after 8 of 14" in (out / "report.html").read_text()


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
        out, _ = process.communicate(timeout=60)
        output = b""
        with suppress(OSError):  # the end of a terminal without writers
            while more := os.read(terminal, 100_000):
                output += more
        os.close(terminal)
    assert process.returncode == 0
    assert json.loads(out)["ok"] == 14
    assert b"14/14" in output


STOPS_ITSELF = """
import os, signal
from diad_deploy.cli.run import main
from diad_deploy.inspection.rows_in_order import RowsInOrder

def put(rows, *given):
    put_row(rows, *given)
    if rows.written >= 20:
        os.kill(os.getpid(), signal.SIGSTOP)

put_row = RowsInOrder.put
RowsInOrder.put = put
main()
"""


def test_a_run_killed_from_outside_goes_on_to_the_same_files(
    own_bundle: Bundle, tmp_path: Path
) -> None:
    write_images(tmp_path / "parts", 160)
    (tmp_path / "parts" / "003.png").write_bytes(b"")
    arguments = (tmp_path / "parts", "--bundle", own_bundle.path, "--batch-size", 4)
    assert python(MAIN, *arguments, "-o", tmp_path / "whole").returncode == 1
    out = tmp_path / "out"
    running = subprocess.Popen(
        [sys.executable, "-c", STOPS_ITSELF, *map(str, arguments), "-o", str(out)],
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    )
    _, status = os.waitpid(running.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)  # it does not end while another one tries
    assert sum(1 for _ in read_rows(out / "results.jsonl")) >= 20
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
