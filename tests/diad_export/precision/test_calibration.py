"""Calibration runs the graphs on the inputs that they have in the runtime."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diad_deploy import Detector
from diad_deploy.bundle.folder import Bundle, builtin_images
from diad_deploy.errors import ImageError, InputError
from diad_deploy.images.discover import find_images
from diad_deploy.images.options import image_options_of
from diad_deploy.images.preprocess import prepare_batch
from diad_export.onnx.components import image_spec
from diad_export.onnx.parity import open_session
from diad_export.precision.calibration import (
    BATCH,
    MAX_BUILTIN,
    MAX_IMAGES,
    Calibration,
    Run,
    read_calibration,
)
from diad_export.precision.ranges import Inputs

IMAGE = image_spec(32)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Five grey images of different brightness."""
    folder = tmp_path / "good"
    folder.mkdir()
    for number in range(5):
        Image.new("RGB", (40, 40), (number * 50,) * 3).save(folder / f"{number}.png")
    return folder


def test_all_images_of_a_folder_are_used(images: Path) -> None:
    found = read_calibration(images, IMAGE)
    assert (found.source, found.images.shape) == ("good", (5, 3, 32, 32))
    assert len(np.unique(found.images[:, 0, 0, 0])) == 5


def test_many_images_are_sampled_evenly(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_IMAGES >= 5
    every = read_calibration(images, IMAGE).images
    monkeypatch.setattr("diad_export.precision.calibration.MAX_IMAGES", 3)
    assert np.array_equal(read_calibration(images, IMAGE).images, every[::2])


def test_built_in_images_are_the_default() -> None:
    found = read_calibration(None, IMAGE)
    assert found.warnings == ()
    assert found.source == "built-in images"
    assert len(found.images) == min(MAX_BUILTIN, len(find_images([builtin_images()])))


def test_a_missing_folder_is_rejected(images: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a folder of good images, found nothing"):
        read_calibration(tmp_path / "nowhere", IMAGE)
    with pytest.raises(InputError, match="expected a folder of good images, found a file"):
        read_calibration(images / "0.png", IMAGE)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no images found"):
        read_calibration(tmp_path / "empty", IMAGE)


def test_a_damaged_image_is_named(images: Path) -> None:
    (images / "2.png").write_bytes(b"not an image")
    with pytest.raises(ImageError, match=r"2\.png"):
        read_calibration(images, IMAGE)


def test_every_graph_has_the_inputs_of_the_detector(images: Path, small_bundle: Bundle) -> None:
    manifest = small_bundle.manifest
    found = read_calibration(images, manifest.image)
    calibration = Calibration(found, *small_bundle.noise(), manifest.schedule)
    seen = {
        graph.name: calibration.run_graph(graph.name, runner(small_bundle.file(graph.file)))
        for graph in manifest.graphs
    }
    batches = -(-5 // BATCH)
    assert [len(runs) for runs in seen.values()] == [batches, 2 * batches, batches, batches]
    scores = np.concatenate([run.outputs[1] for run in seen["scorer"]])
    with Detector.open(small_bundle, batch_size=BATCH) as detector:
        expected = detector.detect(sorted(str(path) for path in images.iterdir()))
    assert scores == pytest.approx([each.score for each in expected], abs=1e-5)


def runner(path: Path) -> Run:
    session = open_session(path)

    def run(inputs: Inputs) -> tuple[np.ndarray, ...]:
        return tuple(session.run(None, dict(inputs)))

    return run


def test_images_of_12_bits_are_read_with_their_depth(tmp_path: Path) -> None:
    values = np.random.default_rng(2).integers(0, 4096, (16, 16), dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    (warning,) = read_calibration(tmp_path, IMAGE).warnings
    assert "are dark" in warning
    found = read_calibration(tmp_path, IMAGE, image_options_of(bit_depth=12))
    assert found.warnings == ()
    expected = np.rint(values / 4095 * 255).astype(np.uint8)[..., None].repeat(3, -1)
    np.testing.assert_array_equal(found.images, prepare_batch([expected], IMAGE))
