"""Files through the detector: in order, in batches, with the unreadable ones in their places."""

import os
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from diad_deploy.errors import BackendError
from diad_deploy.images.discover import find_images
from diad_deploy.images.preprocess import prepare
from diad_deploy.images.reader import ImageReader, ReadImage
from diad_deploy.streaming.stream import WORKERS, Inspected, Stopwatch, Unread, stream
from tests.diad_deploy.fake_detector import IMAGE, FakeDetector, plain, write_images


def test_results_are_the_detectors_in_order(tmp_path: Path) -> None:
    write_images(tmp_path / "parts", 10)
    files = find_images([tmp_path / "parts"])
    detector = FakeDetector(batch_size=4)
    results = list(stream(files, detector, Stopwatch()))
    assert [result.file for result in results] == list(files)
    assert detector.batches == [4, 4, 2]
    for number, result in enumerate(results):
        assert isinstance(result, Inspected)
        pixels = plain((number * 37) % 251)
        np.testing.assert_array_equal(result.pixels, pixels)
        assert result.detection.image_size_px == (16, 24)
        expected = prepare(pixels, IMAGE)[0] * IMAGE.std[0] + IMAGE.mean[0]
        np.testing.assert_allclose(result.detection.anomaly_map, expected, atol=1e-6)


def test_unreadable_images_keep_their_places_and_do_not_fill_batches(tmp_path: Path) -> None:
    paths = write_images(tmp_path / "parts", 9)
    for place in (0, 3, 8):
        paths[place].write_bytes(b"")
    detector = FakeDetector(batch_size=4)
    results = list(stream(find_images([tmp_path / "parts"]), detector, Stopwatch()))
    assert [isinstance(result, Unread) for result in results] == [
        place in (0, 3, 8) for place in range(9)
    ]
    assert detector.batches == [4, 2]
    assert results[3].reason == "the file is empty; copy it again"
    assert results[3].identity == (0, paths[3].stat().st_mtime_ns)


def test_many_unreadable_images_do_not_pile_up(tmp_path: Path) -> None:
    paths = write_images(tmp_path / "parts", 200)
    for path in paths[1:]:
        path.write_bytes(b"")
    results = stream(find_images([tmp_path / "parts"]), FakeDetector(), Stopwatch())
    assert isinstance(next(results), Inspected)
    assert sum(1 for _ in results) == 199


def test_files_are_taken_as_they_are_needed(tmp_path: Path) -> None:
    write_images(tmp_path / "parts", 60)
    files = iter(find_images([tmp_path / "parts"]))
    results = stream(files, FakeDetector(batch_size=4), Stopwatch())
    next(results)
    assert len(list(files)) >= 60 - 2 * 4 - WORKERS - 1
    results.close()


def test_the_stopwatch_runs_while_the_model_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_images(tmp_path / "parts", 4)
    now = [0.0]

    def pass_time(batch: int) -> None:
        now[0] += 0.1

    clock = SimpleNamespace(perf_counter=lambda: now[0])
    monkeypatch.setattr("diad_deploy.streaming.stream.time", clock)
    stopwatch = Stopwatch()
    detector = FakeDetector(batch_size=2, before=pass_time)
    for _ in stream(find_images([tmp_path / "parts"]), detector, stopwatch):
        now[0] += 7.0
    assert stopwatch.seconds == pytest.approx(0.2)


def test_a_model_that_fails_ends_the_run(tmp_path: Path) -> None:
    write_images(tmp_path / "parts", 12)

    def fail(batch: int) -> None:
        if batch == 1:
            raise BackendError("out of order")

    results = stream(
        find_images([tmp_path / "parts"]), FakeDetector(batch_size=4, before=fail), Stopwatch()
    )
    assert len([next(results) for _ in range(4)]) == 4
    with pytest.raises(BackendError, match="out of order"):
        next(results)


def test_as_many_workers_read_at_once_as_asked_for(tmp_path: Path) -> None:
    write_images(tmp_path / "parts", 10)
    together = threading.Barrier(5)

    class Reader(ImageReader):
        def read(self, path: str | os.PathLike[str]) -> ReadImage:
            together.wait(10)  # continues once five wait, and breaks if there are fewer
            return super().read(path)

    files = find_images([tmp_path / "parts"])
    results = list(
        stream(files, FakeDetector(batch_size=5), Stopwatch(), reader=Reader(), workers=5)
    )
    assert all(isinstance(result, Inspected) for result in results)
