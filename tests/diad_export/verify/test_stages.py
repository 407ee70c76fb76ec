"""A bundle compared with PyTorch: a correct one passes, a planted fault fails."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner, Result
from onnx import numpy_helper
from PIL import Image

from diad_deploy.bundle.folder import Bundle, BundleWriter
from diad_export.cli.commands import command


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five images, two of them labelled defective, with masks."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for name in ("good/0.png", "good/1.png", "good/2.png", "dent/3.png", "dent/4.png"):
        path, mask = folder / name, folder / "masks" / name
        for place in (path, mask):
            place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(path)
        if name.startswith("dent"):
            Image.fromarray(np.eye(32, dtype=np.uint8) * 255).save(mask)
    return folder


def run(bundle: Path, photos: Path, checkpoint: Path, *more: str) -> Result:
    words = ["verify", str(bundle), "--images", str(photos), "--checkpoint", str(checkpoint), *more]
    return CliRunner().invoke(command, words, standalone_mode=False)


@pytest.fixture
def copied(small_bundle: Bundle, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_bundle.path, tmp_path / "bundle"))


def with_fault(bundle: Path, destination: Path, graph: str) -> Path:
    """The bundle with the large initializers of `graph` reversed, and correct hashes."""
    with BundleWriter(destination) as writer:
        opened = Bundle.open(bundle)
        for record in opened.manifest.files:
            shutil.copy(bundle / record.path, writer.folder / record.path)
        path = writer.folder / opened.manifest.graph(graph).file
        model = onnx.load(path)
        for tensor in model.graph.initializer:
            values = numpy_helper.to_array(tensor)
            if values.dtype.kind == "f" and values.size > 64:
                tensor.CopyFrom(numpy_helper.from_array(-values, tensor.name))
        onnx.save(model, path)
        writer.finish(replace(opened.manifest, files=()))
    return destination


def test_the_bundle_decides_as_pytorch_does(
    copied: Path, photos: Path, small_checkpoint: Path
) -> None:
    done = run(copied, photos, small_checkpoint, "--json")
    assert done.return_value == 0, done.output
    found = json.loads(done.stdout)
    assert found["passed"]
    assert found["pictures"] == 5
    names = [stage["stage"] for stage in found["stages"]]
    assert names == [
        *("latents_0", "latents_1", "latents_2"),
        *("reconstruction", "anomaly_map", "image_score"),
    ]
    assert max(stage["relative"] for stage in found["stages"]) < 1e-4
    assert found["agreement"]["least_correlation"] > 0.9999
    assert found["noise_floor"]["least_correlation"] < found["agreement"]["least_correlation"]
    assert found["agreement"]["pixel_auroc_change"] == pytest.approx(0.0, abs=1e-4)


def test_the_result_is_kept_in_the_manifest(
    copied: Path, photos: Path, small_checkpoint: Path
) -> None:
    run(copied, photos, small_checkpoint, "--no-noise-floor", "--most", "2")
    kept = Bundle.open(copied).manifest.verification
    assert kept is not None
    assert kept["passed"]
    assert kept["pictures"] == 2
    assert kept["images"] == photos.name


@pytest.mark.parametrize("graph", ["denoiser", "scorer"])
def test_a_planted_fault_fails(
    small_bundle: Bundle, photos: Path, small_checkpoint: Path, tmp_path: Path, graph: str
) -> None:
    faulty = with_fault(small_bundle.path, tmp_path / "faulty", graph)
    done = run(faulty, photos, small_checkpoint, "--no-noise-floor")
    assert done.return_value == 1, done.output
    assert "failed: " in done.output
    kept = Bundle.open(faulty).manifest.verification
    assert kept is not None
    assert kept["faults"]


def test_limits_can_be_set(copied: Path, photos: Path, small_checkpoint: Path) -> None:
    done = run(copied, photos, small_checkpoint, "--no-noise-floor", "--score-difference", "0")
    assert done.return_value == 1
    assert "score difference" in done.output


def test_the_table_names_threshold_and_stages(
    copied: Path, photos: Path, small_checkpoint: Path
) -> None:
    done = run(copied, photos, small_checkpoint, "--threshold", "0.25")
    assert "threshold 0.25, as given" in done.output
    assert "reconstruction, relative error" in done.output
    assert "another seed" in done.output
    assert done.output.rstrip().endswith("passed")


def odd_masks(photos: Path, folder: Path, third: Image.Image) -> Path:
    """The photos with an empty mask and another one."""
    copied = Path(shutil.copytree(photos, folder))
    third.save(copied / "masks/dent/3.png")
    Image.new("L", (32, 32)).save(copied / "masks/dent/4.png")
    return copied


def test_masks_count_as_in_an_evaluation(
    copied: Path, photos: Path, small_checkpoint: Path, tmp_path: Path
) -> None:
    ones = Image.fromarray(np.eye(32, dtype=np.uint8))
    odd = odd_masks(photos, tmp_path / "odd", ones)
    found = json.loads(run(copied, odd, small_checkpoint, "--no-noise-floor", "--json").stdout)
    (odd / "masks/dent/4.png").unlink()
    Image.fromarray(np.eye(32, dtype=np.uint8) * 255).save(odd / "masks/dent/3.png")
    done = run(copied, odd, small_checkpoint, "--no-noise-floor")
    assert "note: without a mask: 1 of 2 defective images; image metrics only" in done.output
    assert "without a usable mask" in done.output
    without = Bundle.open(copied).manifest.verification
    assert without is not None
    assert 0 < found["pixel_auroc"] < 1
    assert found["pixel_auroc"] == without["pixel_auroc"]
    assert found["masks"] == {
        **dict.fromkeys(("missing", "failed", "full", "most", "lossy"), 0),
        "empty": 1,
    }
    assert found["notes"] == [
        "masks that mark nothing: 1 of 2 (dent/4.png); image metrics only (the published code "
        "counts such images as good)"
    ]


def test_masks_that_cannot_be_used_are_named_together(
    copied: Path, photos: Path, small_checkpoint: Path, tmp_path: Path
) -> None:
    odd = odd_masks(photos, tmp_path / "odd", Image.new("L", (16, 32), 255))
    (odd / "masks/dent/4.png").write_bytes(b"nothing")
    message = message_of(run(copied, odd, small_checkpoint))
    assert "3.png: mask: the mask is 16 x 32 pixels and its image 32 x 32" in message
    assert "4.png: mask: not an image" in message


def test_strict_fails_before_anything_is_loaded(copied: Path, photos: Path, tmp_path: Path) -> None:
    odd = odd_masks(photos, tmp_path / "odd", Image.new("L", (32, 32), 255))
    message = message_of(run(copied, odd, tmp_path / "no checkpoint", "--strict"))
    assert "marks nothing: 1 (dent/4.png); marks the whole image: 1 (dent/3.png)" in message


def message_of(done: Result) -> str:
    assert done.exception is not None
    return str(done.exception)


def test_another_checkpoint_is_rejected(
    copied: Path, photos: Path, golden_checkpoint: Path
) -> None:
    assert "expected the checkpoint that" in message_of(run(copied, photos, golden_checkpoint))


def test_a_missing_checkpoint_is_an_error(copied: Path, photos: Path) -> None:
    done = CliRunner().invoke(command, ["verify", str(copied), "--images", str(photos)])
    assert "--checkpoint" in message_of(done)


@pytest.fixture
def copied_float16(small_float16_bundle: Bundle, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_float16_bundle.path, tmp_path / "half"))


def test_float16_is_emulated_and_compared_with_pytorchs(
    copied_float16: Path, photos: Path, small_checkpoint: Path
) -> None:
    words = ("--no-noise-floor", "--torch-half", "--json")
    rounded = json.loads(run(copied_float16, photos, small_checkpoint, *words).stdout)
    as_run = json.loads(
        run(copied_float16, photos, small_checkpoint, *words, "--rounding", "as-run").stdout
    )
    assert rounded["passed"]
    assert "rounding at every node" in rounded["caution"]
    assert "rounds only weights and values next to float32 nodes" in as_run["caution"]
    errors = {
        name: {stage["stage"]: stage["relative"] for stage in found["stages"]}
        for name, found in (("rounded", rounded), ("as run", as_run))
    }
    assert 1e-5 < errors["rounded"]["latents_2"] < 0.01
    assert errors["rounded"]["latents_2"] > errors["as run"]["latents_2"]
    assert 0.9 < rounded["torch_half"]["least_correlation"] < 1


def test_float32_has_no_caution(copied: Path, photos: Path, small_checkpoint: Path) -> None:
    done = run(copied, photos, small_checkpoint, "--no-noise-floor", "--most", "1")
    assert "note:" not in done.output
