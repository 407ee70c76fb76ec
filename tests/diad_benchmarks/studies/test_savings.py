"""`diad-benchmark savings` counts, times and compares a model and its bundle."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from diad_benchmarks.cli.studies import savings as command
from diad_benchmarks.models import files
from diad_benchmarks.models.standin import make_standin
from diad_benchmarks.studies.savings import NAMES
from diad_deploy.bundle.folder import Bundle
from diad_deploy.errors import OptionError
from tests.traces import kept_traces
from tests.trained import SMALL

PUBLISHED, BUNDLE = NAMES.values()


def test_a_model_beside_its_bundle(small_checkpoint: Path, small_bundle: Bundle) -> None:
    arguments = ["--checkpoint", str(small_checkpoint), "--bundle", str(small_bundle.path)]
    done = CliRunner().invoke(command, [*arguments, "--rounds", "2", "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert len(found["times_faster"]) == 2
    for index, ratio in enumerate(found["times_faster"]):
        seconds = found["rounds"]["seconds"]
        assert ratio == pytest.approx(seconds[PUBLISHED][index] / seconds[BUNDLE][index])
    assert 0 < found["map_error"] < 1e-4
    assert found["score_difference"] < 1e-4
    assert found["graphs"]["denoiser"]["operators"]["Conv"] > 20
    assert found["rungs"][0]["work"]["multiply_adds"] > found["rungs"][-1]["work"]["multiply_adds"]


def test_tables_of_a_bundle_that_is_built_for_it(
    small_checkpoint: Path, traces: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # in this process, which has traces
    monkeypatch.setattr(files, "apart", lambda build, *given, timeout_s: build(*given))
    arguments = ["--checkpoint", str(small_checkpoint)]
    with kept_traces(traces):
        done = CliRunner().invoke(command, [*arguments, "--rounds", "1"])
    assert done.exit_code == 0, done.output
    for part in ("guidance", "times faster", "denoiser", "opening the bundle"):
        assert part in done.stdout
    assert "round 1 of 1: bundle, ONNX Runtime" in done.stderr


def test_a_bundle_of_another_checkpoint(other_file: Path, small_bundle: Bundle) -> None:
    arguments = ["--checkpoint", str(other_file), "--bundle", str(small_bundle.path)]
    done = CliRunner().invoke(command, arguments)
    assert isinstance(done.exception, OptionError)
    assert "built from small.safetensors" in str(done.exception)


@pytest.fixture
def other_file(small_checkpoint: Path, tmp_path: Path) -> Path:
    """The same model under other bytes."""
    from safetensors.torch import load_file, save_file

    path = tmp_path / "other.safetensors"
    save_file(load_file(small_checkpoint), path)
    return path


def test_a_bundle_needs_its_checkpoint(small_bundle: Bundle) -> None:
    done = CliRunner().invoke(command, ["--bundle", str(small_bundle.path)])
    assert isinstance(done.exception, OptionError)
    assert "--checkpoint" in str(done.exception)


def test_the_standin_is_whole_and_the_same_each_time() -> None:
    first, second = make_standin(SMALL).state_dict(), make_standin(SMALL).state_dict()
    for name, tensor in first.items():
        assert tensor.isfinite().all()
        assert tensor.equal(second[name])
        if tensor.ndim == 4:
            assert tensor.any()
