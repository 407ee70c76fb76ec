"""`diad-evaluate` as a person or a script meets it."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from diad_evaluate.cli.run import main
from tests.diad_deploy.fake_detector import FakeDetector
from tests.diad_evaluate.labelled_folders import write_good, write_mvtec_class
from tests.entry_points import call

ROOT = Path(__file__).parents[3]
Run = Callable[..., tuple[int, str, str]]
FILES = ["evaluation.csv", "evaluation.json", "page.html", "pictures.csv"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in ("bolt", "cap"):
        write_mvtec_class(tmp_path / "data" / name)
    return tmp_path / "data"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    calls: list[dict[str, object]] = []

    def open_fake(bundle: Path, **options: object) -> FakeDetector:
        calls.append({"bundle": bundle, **options})
        return FakeDetector()

    monkeypatch.setattr("diad_evaluate.evaluate.Detector.open", open_fake)
    return calls


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    opened: list[dict[str, object]],
) -> Run:
    """Runs `diad-evaluate` with a fake detector: exit status, standard output, standard error."""

    def run_main(*arguments: object) -> tuple[int, str, str]:
        return call(main, arguments, monkeypatch, capsys, name="diad-evaluate")

    return run_main


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def one_line(text: str) -> bool:
    return text.startswith("diad-evaluate: ") and text.count("\n") == 1


def test_a_table_and_files(run: Run, data: Path, tmp_path: Path) -> None:
    status, out, err = run(data, "--bundle", "my bundle", "-o", tmp_path / "out")
    assert status == 0
    assert "bolt" in out
    assert out.splitlines()[-1] == f"page: {tmp_path / 'out' / 'page.html'}"
    assert names(tmp_path / "out") == FILES
    found = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert (found["layout"], found["bundle"], found["pictures"]) == ("mvtec-ad", "my bundle", 12)
    assert err == "12 of 12 images\n"


def test_json_is_all_of_standard_output(run: Run, data: Path) -> None:
    (data / "cap/test/good/000.png").write_bytes(b"")
    status, out, _ = run(data, "--bundle", "b", "--json")
    assert status == 1
    found = json.loads(out)
    assert found["faults"][0]["picture"] == "cap/test/good/000.png"
    assert found["classes"]["bolt"]["figures"]["image_auroc"] == 1.0


def test_options_reach_the_detector(run: Run, data: Path, opened: list[dict[str, object]]) -> None:
    options = ("--backend", "onnxruntime", "--device", "cpu", "--threads", 2, "--batch-size", 3)
    reading = ("--bit-depth", 12, "--max-megapixels", 300)
    status, out, err = run(data, "--bundle", "b", "--class", "cap", *options, *reading, "--json")
    assert "images of 300 megapixels need about" in err
    assert (status, list(json.loads(out)["classes"])) == (0, ["cap"])
    assert opened == [
        {
            "bundle": Path("b"),
            "backend": "onnxruntime",
            "device": "cpu",
            "threads": 2,
            "batch_size": 3,
            "tf32": False,
            "bit_depth": 12,
            "white": None,
            "max_megapixels": 300.0,
        }
    ]


def test_what_is_there_is_not_overwritten(
    run: Run, data: Path, tmp_path: Path, opened: list[dict[str, object]]
) -> None:
    arguments = (data, "--bundle", "b", "-o", tmp_path / "out")
    assert run(*arguments)[0] == 0
    status, out, err = run(*arguments)
    assert (status, out, len(opened)) == (2, "", 1)
    assert one_line(err)
    assert "--force" in err
    assert run(*arguments, "--force")[0] == 0
    write_good(tmp_path / "mine" / "a.png")
    status, _, err = run(data, "--bundle", "b", "-o", tmp_path / "mine", "--force")
    assert status == 2
    assert "no evaluation.json" in err
    assert names(tmp_path / "mine") == ["a.png"]


def test_figures_are_printed_if_another_run_took_the_folder(
    run: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def take(_: int) -> None:
        write_good(tmp_path / "out" / "a.png")

    monkeypatch.setattr(
        "diad_evaluate.evaluate.Detector.open", lambda *_, **__: FakeDetector(before=take)
    )
    status, out, err = run(data, "--bundle", "b", "-o", tmp_path / "out")
    assert status == 2
    assert "bolt" in out
    assert "page:" not in out
    assert one_line(err.splitlines(keepends=True)[-1])
    assert "already exists" in err
    assert names(tmp_path / "out") == ["a.png"]


def test_strict_names_masks_before_anything_runs(
    run: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(data, "--bundle", "b", "--strict")[0] == 0
    marked = data / "cap/ground_truth/scratch"
    (marked / "000_mask.png").unlink()
    write_good(marked / "001_mask.png", red=255)
    batches: list[int] = []
    monkeypatch.setattr(
        "diad_evaluate.evaluate.Detector.open", lambda *_, **__: FakeDetector(before=batches.append)
    )
    status, out, err = run(data, "--bundle", "b", "-o", tmp_path / "out", "--strict")
    assert (status, out, batches) == (2, "", [])
    assert one_line(err)
    assert "no mask: 1 (cap/test/scratch/000.png)" in err
    assert "marks the whole image: 1 (cap/test/scratch/001.png)" in err
    assert not (tmp_path / "out").exists()
    assert run(data, "--bundle", "b")[0] == 0


def test_figures_are_printed_if_the_folder_was_removed(
    run: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def remove(_: int) -> None:
        for scratch in tmp_path.glob("deep/.out.partial-*"):
            shutil.rmtree(scratch)

    monkeypatch.setattr(
        "diad_evaluate.evaluate.Detector.open", lambda *_, **__: FakeDetector(before=remove)
    )
    status, out, err = run(data, "--bundle", "b", "-o", tmp_path / "deep" / "out")
    assert status == 2
    assert "bolt" in out
    assert "page:" not in out
    assert one_line(err.splitlines(keepends=True)[-1])
    assert "was removed while it was being written" in err


def test_all_failed_is_nothing_done(run: Run, tmp_path: Path) -> None:
    (write_good(tmp_path / "data/good/a.png")).write_bytes(b"")
    status, out, _ = run(tmp_path / "data", "--bundle", "b")
    assert status == 2
    assert "failed: good/a.png: the file is empty; copy it again" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere",), "nowhere: expected the folder of a test set"),
        ((".", "--layout", "coco"), "--layout coco: expected auto"),
        ((".", "--class", "spoon"), "--class spoon: not in the data; expected one of bolt, cap"),
        ((".", "--batch-size", "0"), "0 is not in the range x>=1"),
    ],
)
def test_bad_arguments_are_one_line(
    run: Run, data: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple, message: str
) -> None:
    monkeypatch.chdir(data)
    status, out, err = run(*arguments, "--bundle", "b")
    assert (status, out) == (2, "")
    assert one_line(err)
    assert message in err


def test_without_scikit_learn_the_extra_is_named(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['sklearn'] = None; sys.argv = ['diad-evaluate', '.', '--bundle',"
        "'b']\nfrom diad_evaluate.cli.run import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=_environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr == (
        'diad-evaluate: not installed: scikit-learn; pip install "diad_deploy[evaluate]"\n'
    )


INTERRUPTED = """
import os, signal, sys
from tests.diad_deploy.fake_detector import FakeDetector
from diad_evaluate import evaluate as request
from diad_evaluate.cli import run as cli
def press(batch):
    if batch == 8:
        os.kill(os.getpid(), signal.SIGINT)
request.Detector.open = lambda *_, **__: FakeDetector(before=press)
sys.argv = ["diad-evaluate", *sys.argv[1:]]
cli.main()
"""


def test_ctrl_c_keeps_what_is_whole(tmp_path: Path) -> None:
    write_mvtec_class(tmp_path / "data/a")
    write_mvtec_class(tmp_path / "data/b", good=60, bad=0)
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, "data", "--bundle", "b", "-o", "out"],
        cwd=tmp_path,
        env=_environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 130
    assert done.stderr.splitlines()[-1] == "diad-evaluate: interrupted"
    assert "Traceback" not in done.stderr
    assert done.stdout.startswith("stopped: only classes that were complete")
    found = json.loads((tmp_path / "out/evaluation.json").read_text())
    assert (found["stopped"], list(found["classes"])) == (True, ["a"])
    assert names(tmp_path / "out") == FILES
    assert not list(tmp_path.glob(".out.partial-*"))


def _environment() -> dict[str, str]:
    paths = [str(ROOT), str(ROOT / "export"), str(ROOT / "evaluation")]
    return {"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(paths)}
