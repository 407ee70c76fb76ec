"""The time and the memory that an inspection adds to the model."""

import json
import shutil
from pathlib import Path

import pytest

from tests.diad_deploy.fake_detector import write_image
from tests.diad_deploy.inspection.inspection_case import python

MEASURE = """
    import json, resource, sys
    from diad_deploy.inspection.inspect import InspectionOptions, inspect
    from diad_deploy.images.discover import find_images
    from tests.diad_deploy.fake_detector import FakeDetector

    images = find_images([sys.argv[1]])[:int(sys.argv[3])]
    detector = FakeDetector(batch_size=8, seconds_per_image=float(sys.argv[4]))
    summary = inspect(images, detector, sys.argv[2], InspectionOptions())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"peak": peak, **summary.as_json()}))
"""


def measure(parts: Path, out: Path, count: int, seconds_per_image: float) -> dict[str, float]:
    done = python(MEASURE, parts, out, count, seconds_per_image)
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
    few = measure(many, tmp_path / "out", 200, 0.0)
    all_of_them = measure(many, tmp_path / "out", 2000, 0.0)
    assert all_of_them["ok"] == 2000
    assert all_of_them["peak"] <= 1.1 * few["peak"]


def test_the_runtime_adds_little_to_the_models_own_time(many: Path, tmp_path: Path) -> None:
    found = measure(many, tmp_path / "out", 120, 0.05)
    assert found["model_seconds"] >= 6.0
    assert found["seconds"] <= 1.1 * found["model_seconds"]
