"""Images of 12 bits through calibration and inspection, from the commands and from Python."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diad_deploy import Detector
from diad_deploy.bundle.folder import Bundle
from diad_deploy.cli.calibrate import main as calibrate
from diad_deploy.cli.run import main as inspect
from diad_deploy.errors import OptionError
from diad_deploy.report.results import read_rows
from diad_deploy.thresholds.file import find_thresholds
from diad_evaluate.cli.run import main as evaluate
from tests.diad_deploy.images.png_file import write_png
from tests.entry_points import call

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def called(entry: Callable[[], None], *arguments: object) -> tuple[int, str, str]:
        return call(entry, arguments, monkeypatch, capsys)

    return called


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """The same nine images in 8 bits, and in 12 bits of 16."""
    rng = np.random.default_rng(8)
    eight, twelve = tmp_path / "eight", tmp_path / "twelve"
    eight.mkdir()
    twelve.mkdir()
    for number in range(9):
        values = rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)
        Image.fromarray(values).save(eight / f"{number}.png")
        write_png(twelve / f"{number}.png", np.rint(values / 255 * 4095).astype(np.uint16))
    return eight, twelve


def scores(folder: Path) -> list[float | None]:
    return [row.score for row in read_rows(folder / "results.jsonl")]


def test_12_bits_score_as_8_do_and_thresholds_keep_the_depth(
    run: Run, folders: tuple[Path, Path], own_bundle: Bundle, tmp_path: Path
) -> None:
    eight, twelve = folders
    bundle = own_bundle.path
    assert run(inspect, eight, "--bundle", bundle, "-o", tmp_path / "a")[0] == 0
    options = ("--bundle", bundle, "--false-alarm-rate", 0.2, "--bit-depth", 12)
    status, out, _ = run(calibrate, twelve, *options)
    assert (status, "warning" in out) == (0, False)
    kept = json.loads((bundle / "thresholds.json").read_text())
    assert (kept["bit_depth"], kept["format_revision"]) == (12, 2)

    # from the thresholds, without the option
    status, out, _ = run(inspect, twelve, "--bundle", bundle, "-o", tmp_path / "b", "--json")
    summary = json.loads(out)
    assert (status, summary["warnings"]) == (0, [])
    assert scores(tmp_path / "a") == scores(tmp_path / "b")
    assert run(inspect, twelve, "--bundle", bundle, "-o", tmp_path / "c", "--white", 4095)[0] == 0

    for other in (("--bit-depth", 10), ("--bit-depth", "auto"), ("--white", 1000)):
        status, _, err = run(inspect, twelve, "--bundle", bundle, "-o", tmp_path / "d", *other)
        assert status == 2
        assert f"{other[0]} {other[1]}: the thresholds in " in err
        assert "were set with --bit-depth 12" in err
    assert not (tmp_path / "d").exists()
    # with a threshold of one's own nothing is contradicted
    status, _, _ = run(
        inspect, twelve, "--bundle", bundle, "-o", tmp_path / "e", "--threshold", 1, *other
    )
    assert status == 0


def test_without_the_depth_a_run_ends_with_a_warning(
    run: Run, folders: tuple[Path, Path], own_bundle: Bundle, tmp_path: Path
) -> None:
    _, twelve = folders
    (twelve / "a.heic").write_bytes(b"x")
    (twelve / "b.HEIC").write_bytes(b"x")
    (twelve / "c.dng").write_bytes(b"x")
    (twelve / "notes.txt").write_bytes(b"x")
    status, out, _ = run(inspect, twelve, "--bundle", own_bundle.path, "-o", tmp_path / "a")
    assert status == 0
    assert "warning: 9 of 9 images (PNG) are dark: white is 65535" in out
    assert "such as --bit-depth 12" in out
    assert out.count("skipped: 3 files (.heic 2, .dng 1)") == 1
    page = (tmp_path / "a" / "report.html").read_text()
    assert "Warning: 9 of 9 images (PNG) are dark" in page
    assert page.count("Skipped: 3 files (.heic 2, .dng 1).") == 1
    # with nothing left to read, too
    arguments = ("--bundle", own_bundle.path, "-o", tmp_path / "a", "--resume", "--json")
    summary = json.loads(run(inspect, twelve, *arguments)[1])
    assert summary["resumed"] == 9
    assert summary["warnings"][0].startswith("9 of 9 images (PNG) are dark")
    assert summary["passed_over"] == {".heic": 2, ".dng": 1}
    # a record says what was white: another does not go on with it
    arguments = ("--bundle", own_bundle.path, "-o", tmp_path / "a", "--resume", "--bit-depth", 12)
    status, _, err = run(inspect, twelve, *arguments)
    assert (status, "white was --bit-depth auto, now --bit-depth 12" in err) == (2, True)

    options = ("--bundle", own_bundle.path, "--false-alarm-rate", 0.2)
    status, out, _ = run(calibrate, twelve, *options)
    assert status == 0
    assert "warning: 9 of 9 images (PNG) are dark" in out
    assert "skipped: 3 files (.heic 2, .dng 1)" in out
    kept = json.loads((own_bundle.path / "thresholds.json").read_text())
    assert kept["format_revision"] == 1
    assert "bit_depth" not in kept


def test_a_folder_of_other_kinds_alone_says_so(
    run: Run, own_bundle: Bundle, tmp_path: Path
) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.cr2").write_bytes(b"x")
    status, _, err = run(
        inspect, tmp_path / "raw", "--bundle", own_bundle.path, "-o", tmp_path / "a"
    )
    assert (status, "skipped: 1 file (.cr2 1)" in err) == (2, True)


def test_from_python(folders: tuple[Path, Path], own_bundle: Bundle) -> None:
    eight, twelve = (sorted(folder.glob("*.png"))[:3] for folder in folders)
    wide = [np.rint(np.asarray(Image.open(path)) / 255 * 4095).astype(np.uint16) for path in eight]
    with Detector.open(own_bundle) as detector:
        expected = [found.score for found in detector.detect(eight)]
        detector.detect(twelve)
        (warning,) = detector.reader.warnings()
        assert warning.startswith("3 of 6 images (PNG) are dark")
    with Detector.open(own_bundle, bit_depth=12) as detector:
        assert [found.score for found in detector.detect(twelve)] == expected
        assert [found.score for found in detector.detect(wide)] == expected
        assert detector.reader.warnings() == ()
        again = pickle.loads(pickle.dumps(detector))
    with again:
        assert [found.score for found in again.detect(wide)] == expected


def test_a_detector_takes_the_depth_of_its_thresholds(
    run: Run, folders: tuple[Path, Path], own_bundle: Bundle
) -> None:
    _, twelve = folders
    options = ("--bundle", own_bundle.path, "--false-alarm-rate", 0.2, "--bit-depth", 12)
    assert run(calibrate, twelve, *options)[0] == 0
    with Detector.open(own_bundle.path) as detector:
        assert detector.reader.white.bit_depth == 12
        kept = find_thresholds(own_bundle.path, own_bundle.manifest)
        assert detector.thresholds == kept
    with pytest.raises(OptionError, match=r"--white 9: the thresholds in .* --bit-depth 12"):
        Detector.open(own_bundle.path, white=9)
    Detector.open(own_bundle.path, white=9, thresholds=None).close()


def test_large_images_need_the_option_which_prints_the_memory(
    run: Run, own_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("formats.opening", "options"):
        monkeypatch.setattr(f"diad_deploy.images.{module}.LIMIT_PX", 900_000)
    Image.new("L", (1500, 800), 90).save(tmp_path / "line.png")
    arguments = (tmp_path / "line.png", "--bundle", own_bundle.path)
    status, _, _ = run(inspect, *arguments, "-o", tmp_path / "a")
    (row,) = read_rows(tmp_path / "a" / "results.jsonl")
    assert status == 2
    assert "1500 x 800 pixels: too large" in str(row.reason)
    assert "use --max-megapixels 2, which needs about" in str(row.reason)
    assert "with --workers 1 --batch-size 1" in str(row.reason)
    status, _, err = run(
        inspect, *arguments, "-o", tmp_path / "b", "--max-megapixels", 2, "--workers", 3
    )
    assert status == 0
    assert "images of 2 megapixels need about 0 GiB of memory with 3 workers" in err


def test_an_evaluation_reads_as_the_thresholds_were_set(
    run: Run, folders: tuple[Path, Path], own_bundle: Bundle, tmp_path: Path
) -> None:
    pytest.importorskip("sklearn")
    figures = {}
    for folder in folders:
        for number, path in enumerate(sorted(folder.glob("*.png"))):
            kind = "good" if number % 2 else "defect"
            (folder / kind).mkdir(exist_ok=True)
            path.rename(folder / kind / path.name)
        arguments = (folder, "--bundle", own_bundle.path, "--layout", "plain", "--json")
        depth = ("--bit-depth", 12) if folder.name == "twelve" else ()
        found = json.loads(run(evaluate, *arguments, *depth)[1])
        figures[folder.name] = found["classes"][folder.name]["figures"]
        assert not any("are dark" in note for note in found["notes"])
    assert figures["eight"] == figures["twelve"]
    found = json.loads(run(evaluate, *arguments)[1])
    assert found["notes"][0].startswith("warning: 9 of 9 images (PNG) are dark")

    options = ("--bundle", own_bundle.path, "--false-alarm-rate", 0.25, "--bit-depth", 12)
    assert run(calibrate, folders[1] / "good", *options, "--overall")[0] == 0
    kept = json.loads(run(evaluate, *arguments)[1])
    assert kept["classes"]["twelve"]["figures"] == figures["eight"]
    status, _, err = run(evaluate, *arguments, "--white", 1000)
    assert (status, "were set with --bit-depth 12" in err) == (2, True)
