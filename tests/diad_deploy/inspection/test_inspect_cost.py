"""The time and the memory that an inspection adds to the model."""

import json
import os
import shutil
import threading
import time
from pathlib import Path

import pytest

from diad_deploy.images.discover import find_images
from diad_deploy.images.reader import ImageReader, ReadImage
from diad_deploy.inspection import inspect as inspection
from diad_deploy.inspection.inspect import InspectionOptions, inspect
from tests.diad_deploy.fake_detector import FakeDetector, write_image
from tests.diad_deploy.inspection.inspection_case import python

MEASURE = """
    import json, resource, sys
    from diad_deploy.inspection.inspect import InspectionOptions, inspect
    from diad_deploy.images.discover import find_images
    from tests.diad_deploy.fake_detector import FakeDetector

    images = find_images([sys.argv[1]])[:int(sys.argv[3])]
    detector = FakeDetector(batch_size=8)
    summary = inspect(images, detector, sys.argv[2], InspectionOptions())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"peak": peak, **summary.as_json()}))
"""


def measure(parts: Path, out: Path, count: int) -> dict[str, float]:
    done = python(MEASURE, parts, out, count)
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
    few = measure(many, tmp_path / "out", 200)
    all_of_them = measure(many, tmp_path / "out", 2000)
    assert all_of_them["ok"] == 2000
    assert all_of_them["peak"] <= 1.1 * few["peak"]


def test_the_runtime_adds_little_to_the_models_own_time(many: Path, tmp_path: Path) -> None:
    """Images are read while the model runs, and the model's thread does little else.

    The thread's CPU time is measured, which does not depend on other programs: at most a tenth of
    the time of a model that takes 0.05 s per image.
    """
    count, model_s, batch_size = 120, 0.05, 8
    images = find_images([many])[:count]
    read = threading.Semaphore(0)
    busy_s = 0.0

    class Reader(ImageReader):
        def read(self, path: str | os.PathLike[str]) -> ReadImage:
            found = super().read(path)
            read.release()
            return found

    def wait_for_the_next_batch(batch: int) -> None:
        wanted = batch_size * (2 if batch == 0 else 1)
        left = count - batch_size * (batch + (batch > 0))
        for _ in range(min(wanted, left)):
            assert read.acquire(timeout=60), "nothing is read while the model works"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inspection, "ImageReader", Reader)
        busy_s -= time.thread_time()
        detector = FakeDetector(batch_size=batch_size, before=wait_for_the_next_batch)
        assert inspect(images, detector, tmp_path / "out", InspectionOptions()).ok == count
        busy_s += time.thread_time()
    assert detector.batches == [batch_size] * (count // batch_size)
    assert busy_s <= 0.1 * count * model_s
