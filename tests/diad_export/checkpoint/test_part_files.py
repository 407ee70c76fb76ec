"""Faults in a part's own file name that file, not the checkpoint."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from diad_deploy.errors import CheckpointError
from diad_export.checkpoint.diagnosis import diagnose
from diad_export.checkpoint.published_keys import AUTOENCODER, FEATURES
from diad_export.checkpoint.read import Sources, read_checkpoint
from diad_export.checkpoint.usable_weights import check_checkpoint

RESNET = ("conv1.weight", "bn1.weight", "layer1.0.conv1.weight")


def part(checkpoint: Path, prefix: str) -> dict[str, Tensor]:
    return {
        key.removeprefix(prefix): tensor
        for key, tensor in load_file(checkpoint).items()
        if key.startswith(prefix)
    }


def with_nan(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    key = next(key for key, tensor in tensors.items() if tensor.is_floating_point())
    return {**tensors, key: torch.full_like(tensors[key], torch.nan)}


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_a_context_with_nan(small_checkpoint: Path, tmp_path: Path, value: float) -> None:
    np.save(tmp_path / "own.npy", np.full((1, 4, 32), value))
    with pytest.raises(CheckpointError, match=r"own\.npy: the context holds NaN or .*--context"):
        read_checkpoint(Sources(checkpoint=small_checkpoint, context=tmp_path / "own.npy"))


@pytest.mark.parametrize(("name", "prefix"), [("features", FEATURES), ("autoencoder", AUTOENCODER)])
def test_weights_that_are_not_finite_or_not_floats(
    small_checkpoint: Path, tmp_path: Path, name: str, prefix: str
) -> None:
    save_file(with_nan(part(small_checkpoint, prefix)), tmp_path / "own.safetensors")
    sources = Sources(checkpoint=small_checkpoint, **{name: tmp_path / "own.safetensors"})
    for look in (diagnose, lambda given: check_checkpoint(read_checkpoint(given))):
        with pytest.raises(CheckpointError, match=rf"own\.safetensors: 1 unusable .*--{name}$"):
            look(sources)


def test_a_file_without_an_extractor(small_checkpoint: Path, tmp_path: Path) -> None:
    path = tmp_path / "own.safetensors"
    save_file({key: torch.zeros(1) for key in RESNET}, path)
    bare = tmp_path / "without settings.safetensors"
    save_file(load_file(small_checkpoint), bare)
    sources = Sources(checkpoint=bare, features=path)
    message = r"own\.safetensors: the feature extractor \(3 tensors .*--extractor"
    with pytest.raises(CheckpointError, match=message):
        check_checkpoint(read_checkpoint(sources))
    named = Sources(checkpoint=small_checkpoint, features=path, extractor="resnet18")
    with pytest.raises(CheckpointError, match=r"own\.safetensors does not fit the model: "):
        check_checkpoint(read_checkpoint(named))
    assert diagnose(named).advice == (
        f"{path} does not fit the model; give another file with --features, or name its network "
        f"with --extractor"
    )


def test_a_context_of_another_width(small_checkpoint: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "own.npy", np.zeros((1, 4, 7), dtype=np.float32))
    sources = Sources(checkpoint=small_checkpoint, context=tmp_path / "own.npy")
    assert diagnose(sources).advice.endswith("give another file with --context")


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        (RESNET, r"a ResNet .* \(3 tensors, such as "),
        (("encoder.down.0.block.0.conv1.weight",), "an incomplete one"),
    ],
)
def test_a_file_without_an_autoencoder(
    small_checkpoint: Path, tmp_path: Path, keys: tuple[str, ...], found: str
) -> None:
    save_file({key: torch.zeros(1) for key in keys}, tmp_path / "own.safetensors")
    sources = Sources(checkpoint=small_checkpoint, autoencoder=tmp_path / "own.safetensors")
    with pytest.raises(
        CheckpointError, match=rf"own\.safetensors: expected an autoencoder, found {found}"
    ):
        read_checkpoint(sources)
