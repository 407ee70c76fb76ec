"""The public API, on graphs whose results can be computed by hand."""

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diad_deploy import Detection, Detector
from diad_deploy.backends.onnxruntime.cpu import OnnxRuntimeStages
from diad_deploy.bundle.folder import THRESHOLDS_NAME, Bundle
from diad_deploy.detection import rounded_score
from diad_deploy.diffusion.schedule import ddim_steps
from diad_deploy.errors import (
    BackendError,
    InputError,
    NotFiniteError,
    OptionError,
    ThresholdsError,
)
from diad_deploy.images.discover import find_images
from diad_deploy.images.preprocess import prepare, prepare_batch
from diad_deploy.inspection.inspect import InspectionOptions, inspect
from diad_deploy.report.results import read_rows
from diad_deploy.thresholds.file import write_thresholds
from tests.diad_deploy.fake_detector import write_images
from tests.diad_deploy.thresholds.threshold_case import make_thresholds
from tests.standin import CHANNELS, FACTOR, NOISE_SHARE


def make_images(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [rng.integers(0, 256, (30 + i, 45 - i, 3), dtype=np.uint8) for i in range(count)]


def by_hand(
    bundle: Bundle, pixels: np.ndarray, noise: np.ndarray, posterior_noise: np.ndarray
) -> tuple[np.ndarray, float]:
    """Anomaly map and score of the stand-in graphs, in NumPy."""
    image = prepare(pixels, bundle.manifest.image)
    side = bundle.manifest.image.size_px // FACTOR
    hint = np.zeros((CHANNELS, side, side))
    hint[:3] = image.reshape(3, side, FACTOR, side, FACTOR).mean(axis=(2, 4))
    latents = hint + NOISE_SHARE * noise + NOISE_SHARE * posterior_noise
    for step in ddim_steps(bundle.manifest.schedule):
        latents = step.latents_scale * latents + step.noise_scale * (latents - hint)
    reconstruction = latents[:3].repeat(FACTOR, axis=1).repeat(FACTOR, axis=2)
    anomaly_map = np.abs(image - reconstruction).mean(axis=0)
    return anomaly_map, float(anomaly_map.max())


def test_numbers_are_those_computed_by_hand(standin_bundle: Bundle) -> None:
    noise, posterior_noise = standin_bundle.noise()
    with Detector.open(standin_bundle) as detector:
        found = detector.detect(make_images(3))
    for image, detection in zip(make_images(3), found, strict=True):
        anomaly_map, score = by_hand(standin_bundle, image, noise, posterior_noise)
        assert np.allclose(detection.anomaly_map, anomaly_map, atol=1e-4)
        assert detection.score == pytest.approx(score, abs=1e-4)
        assert detection.map_at_image_size().shape == image.shape[:2]
        assert detection.reconstruction_rgb().shape == (32, 32, 3)


def test_given_noise_replaces_the_bundles(standin_bundle: Bundle) -> None:
    rng = np.random.default_rng(8)
    noise, posterior_noise = rng.normal(size=(2, 3, 4, 4, 4))
    with Detector.open(standin_bundle, batch_size=2) as detector:
        found = detector.detect(make_images(3), noise=noise, posterior_noise=posterior_noise)
        one = detector.detect(make_images(1), noise=noise[0], posterior_noise=posterior_noise[0])
    for place, (image, detection) in enumerate(zip(make_images(3), found, strict=True)):
        _, score = by_hand(standin_bundle, image, noise[place], posterior_noise[place])
        assert detection.score == pytest.approx(score, abs=1e-4)
    assert one[0].score == pytest.approx(found[0].score, abs=1e-6)


@pytest.mark.parametrize("batch_size", [1, 2, 5, 8])
def test_same_image_same_score_whatever_the_batch(standin_bundle: Bundle, batch_size: int) -> None:
    images = make_images(5)
    with Detector.open(standin_bundle, batch_size=1) as detector:
        alone = [d.score for d in detector.detect(images)]
    with Detector.open(standin_bundle, batch_size=batch_size) as detector:
        backwards = [d.score for d in detector.detect(images[::-1])]
    assert np.abs(np.subtract(alone, backwards[::-1])).max() <= 1e-5


def test_paths_are_read(standin_bundle: Bundle, tmp_path: Path) -> None:
    [image] = make_images(1)
    Image.fromarray(image).save(tmp_path / "part.png")
    with Detector.open(standin_bundle) as detector:
        [one], [other] = detector.detect([tmp_path / "part.png"]), detector.detect([image])
    assert one.score == other.score
    assert one.image_size_px == image.shape[:2]


def test_nothing_in_nothing_out(standin_bundle: Bundle) -> None:
    with Detector.open(standin_bundle) as detector:
        assert detector.detect([]) == []


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((4, 4), dtype=np.uint8),
        np.zeros((4, 4, 4), dtype=np.uint8),
        np.zeros((4, 4, 3), dtype=np.float32),
        np.zeros((0, 4, 3), dtype=np.uint8),
    ],
)
def test_arrays_that_are_no_images(standin_bundle: Bundle, wrong: np.ndarray) -> None:
    with Detector.open(standin_bundle) as detector, pytest.raises(InputError):
        detector.detect([wrong])


def test_noise_of_a_wrong_shape(standin_bundle: Bundle) -> None:
    with (
        Detector.open(standin_bundle) as detector,
        pytest.raises(OptionError, match=r"expected \[4, 4, 4\]"),
    ):
        detector.detect(make_images(2), noise=np.zeros((3, 4, 4, 4)))


def test_unknown_backend_and_closed_detector(standin_bundle: Bundle) -> None:
    with pytest.raises(OptionError, match="onnxruntime"):
        Detector.open(standin_bundle, backend="abacus")
    detector = Detector.open(standin_bundle)
    detector.close()
    detector.close()
    with pytest.raises(BackendError, match="closed"):
        detector.detect(make_images(1))


def test_threads_share_a_detector_and_get_what_they_get_alone(standin_bundle: Bundle) -> None:
    work = {name: make_images(9)[name : name + 1 + name % 4] for name in range(8)}
    with Detector.open(standin_bundle, batch_size=2) as detector:
        alone = {name: detector.detect(images) for name, images in work.items()}
        start = threading.Barrier(len(work))

        def detect(name: int) -> list[Detection]:
            start.wait()
            return detector.detect(work[name])

        with ThreadPoolExecutor(len(work)) as pool:
            together = dict(zip(work, pool.map(detect, work), strict=True))
    for name, detections in alone.items():
        assert len(detections) == len(together[name]) == len(work[name])
        for one, other in zip(detections, together[name], strict=True):
            assert one.score == other.score
            np.testing.assert_array_equal(one.anomaly_map, other.anomaly_map)
            np.testing.assert_array_equal(one.reconstruction, other.reconstruction)


def test_closing_while_another_thread_detects_ends_it_with_a_sentence(
    standin_bundle: Bundle,
) -> None:
    detector = Detector.open(standin_bundle, batch_size=1)
    begun = threading.Event()

    def camera() -> Iterator[np.ndarray]:
        while True:
            yield from make_images(1)
            begun.set()

    def detect() -> int:
        return sum(1 for _ in detector.detect_each(camera()))

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(detect)
        assert begun.wait(10)
        detector.close()
        with pytest.raises(BackendError, match="closed"):
            running.result(10)


def test_images_whose_results_are_not_finite(
    standin_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = OnnxRuntimeStages.decode

    def decode(stages: OnnxRuntimeStages, latents: np.ndarray) -> np.ndarray:
        reconstruction = real(stages, latents)
        reconstruction[1:2, 2, 4, :5] = np.nan
        return reconstruction

    expected = (
        r"reconstruction has 5 NaN of 3072 values, from the decoder .*; anomaly_map has 5 NaN"
    )
    write_images(tmp_path / "parts", 5)
    files = find_images([tmp_path / "parts"])
    with Detector.open(standin_bundle, batch_size=3) as detector:
        scores = [rounded_score(one.score) for one in detector.detect(f.path for f in files)]
        monkeypatch.setattr(OnnxRuntimeStages, "decode", decode)
        found = detector.detect_each(file.path for file in files)
        with pytest.raises(NotFiniteError, match=rf"image 2 of .* \(.*001.png\): .*{expected}"):
            next(found)
        prepared = prepare_batch(make_images(2), standin_bundle.manifest.image)
        with pytest.raises(NotFiniteError, match=rf"^image 2 of the batch: .*{expected}"):
            detector.detect_prepared(prepared, [(1, 1), (1, 1)])
        # a folder continues
        summary = inspect(files, detector, tmp_path / "report", InspectionOptions())
    rows = list(read_rows(tmp_path / "report/results.jsonl"))
    assert (summary.failed, summary.exit_status) == (2, 1)
    assert [row.score for row in rows] == [scores[0], None, *scores[2:4], None]
    assert re.search(expected, rows[1].reason or "")


def test_detections_come_one_by_one_and_images_are_taken_as_needed(
    standin_bundle: Bundle,
) -> None:
    taken: list[int] = []

    def camera() -> Iterator[np.ndarray]:
        for number, image in enumerate(make_images(6)):
            taken.append(number)
            yield image

    with Detector.open(standin_bundle, batch_size=2) as detector:
        found = detector.detect_each(camera())
        assert taken == []
        first = next(found)
        assert taken == [0, 1]
        assert [first.score, *(d.score for d in found)] == [
            d.score for d in detector.detect(make_images(6))
        ]


def test_a_stack_of_images_is_an_array_too(standin_bundle: Bundle) -> None:
    stack = np.stack([make_images(1)[0]] * 3)
    with Detector.open(standin_bundle) as detector:
        assert len({d.score for d in detector.detect(stack)}) == 1
        with pytest.raises(InputError, match=r"write detect\(\[image\]\)"):
            detector.detect_each(stack[0])


def test_decisions_of_the_bundles_thresholds(own_bundle: Bundle, tmp_path: Path) -> None:
    [image] = make_images(1)
    for name in ("screw", "nail"):
        (tmp_path / name).mkdir()
        Image.fromarray(image).save(tmp_path / name / "1.png")
    thresholds = make_thresholds(own_bundle.manifest, overall=0.01, screw=9.0)
    with Detector.open(own_bundle) as detector:
        assert detector.thresholds is None
        assert detector.detect([image])[0].decision is None
    write_thresholds(own_bundle.path / THRESHOLDS_NAME, thresholds)
    with Detector.open(own_bundle) as detector:
        assert detector.thresholds == thresholds
        found = detector.detect([image, tmp_path / "screw/1.png", tmp_path / "nail/1.png"])
        named = detector.detect([image], class_name="screw")
        prepared = prepare_batch([image], own_bundle.manifest.image)
        (plain,) = detector.detect_prepared(prepared, [image.shape[:2]])
        with pytest.raises(OptionError, match="class 'scew': expected one of screw"):
            detector.detect([image], class_name="scew")
    assert [one.decision for one in found] == ["defect", "good", "defect"]
    assert [one.class_name for one in found] == [None, "screw", None]
    assert (named[0].decision, named[0].class_name) == ("good", "screw")
    assert plain.decision == "defect"
    assert plain.regions()
    with Detector.open(own_bundle, thresholds=None) as detector:
        assert detector.detect([image])[0].decision is None


def test_thresholds_of_another_bundle_are_refused(own_bundle: Bundle) -> None:
    strange = make_thresholds()
    with pytest.raises(ThresholdsError, match="another bundle"):
        Detector.open(own_bundle, thresholds=strange)
    write_thresholds(own_bundle.path / THRESHOLDS_NAME, strange)
    with pytest.raises(ThresholdsError, match="another bundle"):
        Detector.open(own_bundle)
