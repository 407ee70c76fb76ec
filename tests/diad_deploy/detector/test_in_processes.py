"""A detector that goes to another process opens there as it was opened here."""

import os
import pickle
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest

from diad_deploy import Detector
from diad_deploy.bundle.folder import MANIFEST_NAME, THRESHOLDS_NAME, Bundle
from diad_deploy.bundle.manifest import to_json
from diad_deploy.errors import BackendError, BundleError
from diad_deploy.thresholds.file import write_thresholds
from tests.diad_deploy.detector.test_detector import make_images
from tests.diad_deploy.thresholds.threshold_case import make_thresholds


def scores(detector: Detector, images: list[np.ndarray]) -> tuple[int, list[float]]:
    with detector:
        return os.getpid(), [found.score for found in detector.detect(images)]


def test_in_a_spawned_process(standin_bundle: Bundle) -> None:
    with Detector.open(standin_bundle, batch_size=2) as detector:
        here, expected = os.getpid(), [found.score for found in detector.detect(make_images(3))]
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            there, found = pool.submit(scores, detector, make_images(3)).result()
        assert there != here
        assert found == expected
        # the one that was sent still works
        assert len(detector.detect(make_images(1))) == 1


def test_it_opens_with_the_same_arguments(
    standin_bundle: Bundle, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = Path(copytree(standin_bundle.path, tmp_path / "bundle"))
    monkeypatch.chdir(tmp_path)
    model = {"backend": "onnxruntime", "device": "cpu", "threads": 1, "batch_size": 3, "tf32": True}
    given = {**model, "bit_depth": "auto", "white": None, "max_megapixels": 200}
    thresholds = make_thresholds(standin_bundle.manifest)
    with Detector.open("bundle", thresholds=thresholds, **given) as detector:
        monkeypatch.chdir("/")
        sent = pickle.dumps(detector)
        asked: list[tuple[Bundle, dict[str, object]]] = []
        original = Detector.open

        def open_it(bundle: Bundle, **options: object) -> Detector:
            asked.append((bundle, options))
            return original(bundle, **options)

        monkeypatch.setattr(Detector, "open", open_it)
        with pickle.loads(sent) as other:
            assert (other.backend, other.batch_size) == ("onnxruntime", 3)
            assert other.thresholds == thresholds
    [(bundle, options)] = asked
    assert bundle.path == path
    assert options == {**given, "thresholds": thresholds}


def test_thresholds_set_meanwhile_do_not_make_two_processes_decide_unlike(
    standin_bundle: Bundle, tmp_path: Path
) -> None:
    path = Path(copytree(standin_bundle.path, tmp_path / "bundle"))
    with Detector.open(path) as detector:
        sent = pickle.dumps(detector)
        write_thresholds(path / THRESHOLDS_NAME, make_thresholds(standin_bundle.manifest))
        with pickle.loads(sent) as other:
            assert other.thresholds is None


def test_a_closed_one_says_so(standin_bundle: Bundle) -> None:
    detector = Detector.open(standin_bundle)
    detector.close()
    with pytest.raises(BackendError, match="the detector is closed; open it again"):
        pickle.dumps(detector)


def test_another_bundle_at_the_same_path(standin_bundle: Bundle, tmp_path: Path) -> None:
    path = Path(copytree(standin_bundle.path, tmp_path / "bundle"))
    with Detector.open(path) as detector:
        sent = pickle.dumps(detector)
    manifest = standin_bundle.manifest
    another = replace(manifest, noise=replace(manifest.noise, seed=manifest.noise.seed + 1))
    (path / MANIFEST_NAME).write_text(to_json(another))
    with pytest.raises(BundleError, match="another bundle than the detector was opened with"):
        pickle.loads(sent)
