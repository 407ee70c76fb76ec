"""`diad-benchmark soak`, on few images."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from diad_benchmarks.cli.studies import soak as command
from diad_benchmarks.models.images import demo_image
from diad_benchmarks.studies.soak import soak
from diad_benchmarks.studies.soak_images import standin_image, write_images
from diad_deploy.errors import DiadError, ImageError
from diad_deploy.images.discover import find_images
from diad_deploy.images.reader import read_image


def test_the_faults_are_faults_and_the_others_are_images(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    faulty = write_images(folder, 60, fault_every=10, draw=standin_image)
    assert len(faulty) == 6
    reasons = set()
    for image in find_images([folder]):
        if image.name in faulty:
            with pytest.raises(ImageError) as raised:
                read_image(image.path)
            reasons.add(raised.value.reason.split(" ")[0])
        else:
            assert read_image(image.path).shape == (48, 64, 3)
    assert len(reasons) == 4


def test_the_demos_images_are_of_all_products_and_some_are_defective() -> None:
    drawn = [demo_image(number) for number in range(12)]
    assert all(image.shape == (128, 128, 3) for image in drawn)
    assert len({image.tobytes() for image in drawn}) == 12
    np.testing.assert_array_equal(demo_image(10), drawn[10])


def test_a_soak_measures_and_leaves_nothing(tmp_path: Path) -> None:
    arguments = ["--pictures", "80", "--fault-every", "20", "--demo-pictures", "0", "--json"]
    done = CliRunner().invoke(command, [*arguments, "--work", str(tmp_path)])
    assert done.exit_code == 0, done.output
    [found] = json.loads(done.stdout)
    assert (found["pictures"], found["faulty"], found["early"]) == (80, 4, 8)
    assert 10e6 < found["early_peak_bytes"] <= found["peak_bytes"] < 1e9
    assert found["pictures_per_second"] == pytest.approx(80 / found["seconds"])
    assert found["page_bytes"] < found["report_bytes"]
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_row_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diad_benchmarks.studies.soak.write_images", lie_about_one)
    with pytest.raises(DiadError, match=r"1 with the wrong status: pictures/line-03/000003\.png"):
        soak(tmp_path, "stand-in", 20, standin_image, fault_every=10)


def lie_about_one(folder: Path, count: int, **options: object) -> set[str]:
    faulty = write_images(folder, count, **options)  # type: ignore[arg-type]
    return {*faulty, "pictures/line-03/000003.png"}
