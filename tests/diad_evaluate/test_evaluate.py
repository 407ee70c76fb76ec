"""A whole evaluation of a real bundle, from a folder to files."""

from pathlib import Path

import pytest

from diad_deploy.bundle.folder import Bundle
from diad_deploy.errors import BundleMissingError, InputError
from diad_evaluate.evaluate import EvaluationConfig, evaluate_folder
from diad_evaluate.results import Evaluation
from tests.diad_evaluate.labelled_folders import write_mvtec_class


def config(tmp_path: Path, bundle: Path) -> EvaluationConfig:
    return EvaluationConfig(
        data=tmp_path / "data",
        bundle=bundle,
        bundle_name="standin",
        output=tmp_path / "out",
        threads=1,
    )


def test_files_exist_when_the_result_is_reported(tmp_path: Path, standin_bundle: Bundle) -> None:
    write_mvtec_class(tmp_path / "data/a")
    reports: list[tuple[Evaluation, bool]] = []

    def on_result(found: Evaluation) -> None:
        reports.append((found, (tmp_path / "out/page.html").is_file()))

    found = evaluate_folder(
        config(tmp_path, standin_bundle.path), progress=lambda _: None, on_result=on_result
    )
    assert reports == [(found, True)]
    assert found.backend == "onnxruntime"
    assert len(found.rows) == 6


def test_refusals_leave_nothing(tmp_path: Path, standin_bundle: Bundle) -> None:
    def run(bundle: Path) -> None:
        evaluate_folder(config(tmp_path, bundle), progress=lambda _: None, on_result=lambda _: None)

    (tmp_path / "data").mkdir()
    with pytest.raises(InputError, match="no test images in a known layout"):
        run(standin_bundle.path)
    write_mvtec_class(tmp_path / "data/a")
    with pytest.raises(BundleMissingError):
        run(tmp_path / "no bundle")
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
