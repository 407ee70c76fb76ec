"""`diad-export`, as typed."""

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from diad_deploy.bundle.folder import Bundle
from diad_deploy.errors import CheckpointError, DiadError
from diad_export.checkpoint.diagnosis import diagnose
from diad_export.checkpoint.read import read_checkpoint
from diad_export.checkpoint.weights import load_model
from diad_export.cli.commands import command
from tests.golden_case import golden_state_dict


def inspect(path: Path, *more: str) -> str:
    result = CliRunner().invoke(command, ["inspect", str(path), *more], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_inspect_bundle(small_bundle: Bundle) -> None:
    text = inspect(small_bundle.path)
    assert "a DiAD bundle" in text
    assert "2 DDIM steps, leading: 501, 1" in text
    assert json.loads(inspect(small_bundle.path, "--json"))["kind"] == "bundle"


def test_inspect_training_file(golden_checkpoint: Path) -> None:
    text = inspect(golden_checkpoint)
    assert "a trained DiAD model" in text
    assert "channels (32, 64, 128, 128)" in text
    assert "resnet18" in text
    found = json.loads(inspect(golden_checkpoint, "--json"))
    assert found["kind"] == "checkpoint"
    assert found["whole"] is True
    assert found["missing"] == found["misshapen"] == found["extra"] == []


def test_inspect_reports_all_faults_at_once(tmp_path: Path) -> None:
    tensors = golden_state_dict("tiny")
    del tensors["control_model.down22.0.weight"], tensors["first_stage_model.quant_conv.bias"]
    tensors["model.diffusion_model.out.0.bias"] = torch.zeros(7)
    tensors["control_model.strange.weight"] = torch.zeros(1)
    path = tmp_path / "model.ckpt"
    torch.save(tensors, path)
    found = diagnose(path)
    assert found.kind == "an incomplete DiAD model"
    assert set(found.missing) == {
        "control_model.down22.0.weight",
        "first_stage_model.quant_conv.bias",
    }
    assert found.misshapen == ("model.diffusion_model.out.0.bias: found [7], expected [32]",)
    assert found.extra == ("control_model.strange.weight",)
    assert not found.whole
    assert found.advice


def test_inspect_checks_the_text_model(tmp_path: Path) -> None:
    state = golden_state_dict("tiny")
    layers = "cond_stage_model.transformer.text_model.encoder.layers"
    del state[f"{layers}.1.mlp.fc2.bias"]
    state[f"{layers}.1.mlp.fc1.weight"] = torch.zeros(3, 3)
    torch.save(state, tmp_path / "text.ckpt")
    found = json.loads(inspect(tmp_path / "text.ckpt", "--json"))
    assert found["missing"] == [f"{layers}.1.mlp.fc2.bias"]
    assert found["misshapen"] == [f"{layers}.1.mlp.fc1.weight: found [3, 3], expected [128, 64]"]
    assert "--context" in found["advice"]
    with pytest.raises(CheckpointError, match=r"1 missing \(cond_stage_model"):
        load_model(read_checkpoint(tmp_path / "text.ckpt"))


def test_inspect_recognises_an_untrained_model(tmp_path: Path) -> None:
    tensors = golden_state_dict("tiny")
    for key in tensors:
        if "zero_convs" in key or "middle_block_out" in key:
            tensors[key] = torch.zeros_like(tensors[key])
    path = tmp_path / "model.ckpt"
    torch.save(tensors, path)
    assert "before training" in diagnose(path).kind


@pytest.mark.parametrize(
    ("prefixes", "kind"),
    [
        (("model.diffusion_model.", "first_stage_model."), "without the SG network"),
        (("first_stage_model.",), "an autoencoder alone"),
        (("cond_stage_model.",), "an unknown model"),
    ],
)
def test_inspect_recognises_other_files(
    tmp_path: Path, prefixes: tuple[str, ...], kind: str
) -> None:
    tensors = golden_state_dict("tiny")
    path = tmp_path / "model.ckpt"
    torch.save({k: v for k, v in tensors.items() if k.startswith(prefixes)}, path)
    found = diagnose(path)
    assert kind in found.kind
    assert found.advice


def test_inspect_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DiadError, match="found nothing"):
        CliRunner().invoke(command, ["inspect", str(tmp_path / "absent")], catch_exceptions=False)


def test_build_rejects_a_step_count_that_leaves_the_schedule(
    small_checkpoint: Path, tmp_path: Path
) -> None:
    arguments = ["build", str(small_checkpoint), "-o", str(tmp_path / "b"), "--steps", "9"]
    with pytest.raises(DiadError, match="use --steps 8 or 10"):
        CliRunner().invoke(command, arguments, catch_exceptions=False)


def test_build_imports_tensorrt_before_it_reads_anything(tmp_path: Path) -> None:
    arguments = ["build", str(tmp_path / "absent.ckpt"), "-o", str(tmp_path / "b")]
    target = ["--target", "tensorrt-rtx", "--compute-capability", "9.0"]
    with pytest.raises(DiadError, match=r"no compute capability 9\.0"):
        CliRunner().invoke(command, [*arguments, *target], catch_exceptions=False)
    assert not (tmp_path / "b").exists()


@pytest.mark.slow
def test_build_puts_engines_in_the_bundle(small_checkpoint: Path, tmp_path: Path) -> None:
    path = tmp_path / "b"
    arguments = ["build", str(small_checkpoint), "-o", str(path)]
    target = ["--target", "tensorrt-rtx", "--compute-capability", "8.9"]
    CliRunner().invoke(command, [*arguments, *target], catch_exceptions=False)
    engines = Bundle.open(path).manifest.engines
    assert [spec.graph for spec in engines] == ["encoder", "denoiser", "decoder", "scorer"]
    assert {spec.compute_capabilities for spec in engines} == {("8.9",)}


@pytest.mark.parametrize("name", ["build", "engines", "inspect"])
def test_help_holds_an_example(name: str) -> None:
    result = CliRunner().invoke(command, [name, "--help"])
    assert result.exit_code == 0
    assert "Example: diad-export" in result.output
