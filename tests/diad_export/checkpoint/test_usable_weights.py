"""Unusable weights are an error before anything is downloaded or exported."""

from dataclasses import replace
from pathlib import Path

import pytest
import timm
import torch
from click.testing import CliRunner
from safetensors.torch import load_file, save_file
from torch import Tensor

from diad_deploy.errors import CheckpointError
from diad_export.checkpoint.diagnosis import diagnose
from diad_export.checkpoint.published_keys import FEATURES
from diad_export.checkpoint.read import read_checkpoint
from diad_export.checkpoint.usable_weights import check_checkpoint, check_values
from diad_export.checkpoint.weights import make_empty_model
from diad_export.cli.commands import command
from diad_export.model.diad import DiadModel

KEY = "model.diffusion_model.out.2.bias"


@pytest.fixture(autouse=True)
def _nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    make = timm.create_model

    def create(name: str, *, pretrained: bool = False, **more: object) -> torch.nn.Module:
        if pretrained:
            pytest.fail("asked for pretrained weights")
        return make(name, **more)

    monkeypatch.setattr(timm, "create_model", create)


def refused(path: Path, message: str) -> None:
    """Check that `build` and `inspect` reject the file in one line."""
    for words in (["build", str(path), "-o", str(path.parent / "bundle")], ["inspect", str(path)]):
        with pytest.raises(CheckpointError, match=message) as caught:
            CliRunner().invoke(command, words, catch_exceptions=False)
        assert "\n" not in str(caught.value)
    assert not (path.parent / "bundle").exists()


@pytest.fixture(scope="module")
def empty_model(small_checkpoint: Path) -> DiadModel:
    return make_empty_model(read_checkpoint(small_checkpoint))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (torch.tensor([0.0, float("nan"), 0.0, 0.0]), f"1 unusable .{KEY}: holds NaN"),
        (torch.tensor([0.0, -float("inf"), 0.0, 0.0]), f"1 unusable .{KEY}: holds infinity"),
        (torch.full((4,), float("nan"), dtype=torch.float16), "holds NaN"),
        (torch.full((4,), 1e300, dtype=torch.float64), "holds infinity"),
        (torch.ones(4, dtype=torch.int8), "expected floating point, found int8"),
        (torch.ones(4, dtype=torch.bool), "expected floating point, found bool"),
        (torch.ones(4, dtype=torch.complex64), "found complex64"),
        (torch.ones(4).to_sparse(), f"{KEY}: expected a dense tensor, found sparse_coo"),
        (
            torch.ones(4, device="meta"),
            f"{KEY}: expected a dense tensor, found a tensor without values",
        ),
    ],
)
def test_weights_that_are_not_finite_or_not_floats(
    small_checkpoint: Path, empty_model: DiadModel, value: Tensor, message: str
) -> None:
    read = read_checkpoint(small_checkpoint)
    with pytest.raises(CheckpointError, match=message):
        check_values(replace(read, tensors={KEY: value}), empty_model)


def test_other_float_types_and_unused_tensors(
    small_checkpoint: Path, empty_model: DiadModel
) -> None:
    read = read_checkpoint(small_checkpoint)
    more = {"first_stage_model.loss.logvar": torch.tensor(float("nan")), "steps": torch.tensor(5)}
    for dtype in (torch.float16, torch.bfloat16, torch.float64, torch.float8_e5m2):
        tensors = {KEY: torch.ones(4, dtype=dtype), **more}
        check_values(replace(read, tensors=tensors), empty_model)


def test_weights_are_checked_before_an_extractor_is_downloaded(
    small_checkpoint: Path, tmp_path: Path
) -> None:
    kept = {k: v for k, v in load_file(small_checkpoint).items() if not k.startswith(FEATURES)}
    path = tmp_path / "diverged.ckpt"
    torch.save({**kept, KEY: torch.full((4,), float("nan"))}, path)
    refused(path, rf"diverged\.ckpt: 1 unusable .{KEY}: holds NaN.*before the training diverged")


def test_all_integer_weights_are_counted(small_checkpoint: Path, tmp_path: Path) -> None:
    tensors = {key: (t * 100).to(torch.int8) for key, t in load_file(small_checkpoint).items()}
    save_file(tensors, tmp_path / "quantised.safetensors")
    refused(tmp_path / "quantised.safetensors", r"\d{3} unusable \(.* found int8")


def test_missing_keys_are_named_before_an_extractor_is_downloaded(
    small_checkpoint: Path, tmp_path: Path
) -> None:
    tensors = load_file(small_checkpoint)
    kept = {k: v for k, v in tensors.items() if not k.startswith(FEATURES) and k != KEY}
    save_file(kept, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match=rf"1 missing \({KEY}\)"):
        check_checkpoint(read_checkpoint(tmp_path / "model.safetensors"))


@pytest.mark.parametrize("prefix", ["", "model."])
@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            ["conv1.weight", "bn1.weight", "layer1.0.conv1.weight"],
            r"a ResNet .*\(3 tensors, .*conv1.* --features",
        ),
        (["patch_embed.proj.weight", "blocks.0.attn.qkv.weight"], "a vision transformer"),
        (["0.weight", "0.bias", "1.weight", "1.bias"], r"another model \(4 tensors, .*0\.weight"),
    ],
)
def test_another_model(tmp_path: Path, keys: list[str], message: str, prefix: str) -> None:
    state = {prefix + key: torch.zeros(1) for key in keys}
    torch.save({"state_dict": state}, tmp_path / "other.pth")
    refused(tmp_path / "other.pth", f"expected a DiAD checkpoint, .*, found {message}")


def test_a_prefix_that_some_keys_lack(tmp_path: Path) -> None:
    keys = ["loss.weight", "lit.diad.first_stage_model.encoder.down.0.block.0.conv1.weight"]
    torch.save({"state_dict": {key: torch.zeros(1) for key in keys}}, tmp_path / "lit.ckpt")
    refused(tmp_path / "lit.ckpt", r"a DiAD model under the prefix 'lit\.diad\.', and other")


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("unet.down.lora_A.weight", "LoRA"),
        ("encoder.down.0.block.0.conv1.weight", "an autoencoder alone .*--autoencoder"),
        ("encoder.down_blocks.0.resnets.0.conv1.weight", "diffusers' autoencoder alone"),
        ("down_blocks.0.resnets.0.conv1.weight", "diffusers' UNet alone .* as unet/"),
        ("text_model.embeddings.position_embedding.weight", "CLIP's text model alone"),
    ],
)
def test_a_part_of_a_model(tmp_path: Path, key: str, message: str) -> None:
    save_file({key: torch.zeros(1)}, tmp_path / "part.safetensors")
    refused(tmp_path / "part.safetensors", message)


def test_missing_keys_of_a_published_part_are_counted(
    small_checkpoint: Path, tmp_path: Path
) -> None:
    tensors = load_file(small_checkpoint)
    save_file(
        {k: v for k, v in tensors.items() if k.startswith("first_stage_model.")},
        tmp_path / "autoencoder.safetensors",
    )
    found = diagnose(tmp_path / "autoencoder.safetensors")
    assert found.missing == (
        "model.diffusion_model.* (the UNet)",
        "control_model.* (the SG network)",
    )
    assert not found.whole
