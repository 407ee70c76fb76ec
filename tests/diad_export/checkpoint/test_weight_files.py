"""A folder of shards with its index is a checkpoint; no file elsewhere is read."""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from diad_deploy.errors import CheckpointError
from diad_export.checkpoint.published_keys import FEATURES
from diad_export.checkpoint.read import Sources, read_checkpoint
from diad_export.checkpoint.weights import load_model
from diad_export.cli.inspect import inspect_path

INDEX = "model.safetensors.index.json"


def write_shards(tensors: dict[str, torch.Tensor], folder: Path, prefix: str = "") -> Path:
    """Two shards and their index."""
    folder.mkdir()
    names = sorted(tensors)
    placed = {}
    for number in (1, 2):
        shard = f"model-{number:05}-of-00002.safetensors"
        held = {prefix + name: tensors[name] for name in names[number - 1 :: 2]}
        save_file(held, folder / shard)
        placed |= dict.fromkeys(held, shard)
    (folder / INDEX).write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": placed}))
    return folder


@pytest.fixture
def folder(small_checkpoint: Path, tmp_path: Path) -> Path:
    return write_shards(load_file(small_checkpoint), tmp_path / "sharded")


def test_shards_are_a_checkpoint(small_checkpoint: Path, folder: Path) -> None:
    expected = load_model(read_checkpoint(small_checkpoint)).state_dict()
    checkpoint = read_checkpoint(Sources(checkpoint=folder, extractor="resnet10t"))
    found = load_model(checkpoint).state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    assert checkpoint.origin.name == "sharded"
    sizes = [path.stat().st_size for path in folder.glob("*.safetensors")]
    assert checkpoint.origin.size_bytes == sum(sizes)
    assert "a trained DiAD model" in inspect_path(folder, {"extractor": "resnet10t"}).as_text()


def test_shards_of_a_wrapped_model(small_checkpoint: Path, tmp_path: Path) -> None:
    tensors = load_file(small_checkpoint)
    folder = write_shards(tensors, tmp_path / "wrapped", prefix="module.model.")
    assert read_checkpoint(folder).tensors.keys() == tensors.keys()


def test_one_file_in_a_folder(small_checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").symlink_to(small_checkpoint)
    checkpoint = read_checkpoint(tmp_path)
    assert checkpoint.recommended.image_size_px == 32
    assert load_model(checkpoint)


def test_an_extractor_in_a_wrapped_file(small_checkpoint: Path, tmp_path: Path) -> None:
    tensors = load_file(small_checkpoint)
    own = {k.replace(FEATURES, "module.model."): v for k, v in tensors.items() if FEATURES in k}
    save_file(own, tmp_path / "features.safetensors")
    sources = Sources(checkpoint=small_checkpoint, features=tmp_path / "features.safetensors")
    assert read_checkpoint(sources).tensors.keys() == tensors.keys()


def shard(folder: Path, number: int) -> Path:
    return folder / f"model-0000{number}-of-00002.safetensors"


def test_a_missing_shard(folder: Path) -> None:
    shard(folder, 2).unlink()
    with pytest.raises(
        CheckpointError, match=r"lists model-00002-of-00002\.safetensors, not found"
    ):
        read_checkpoint(folder)


def test_a_shard_of_another_model(folder: Path) -> None:
    save_file({"layer.weight": torch.zeros(1)}, shard(folder, 1))
    with pytest.raises(CheckpointError, match=r"model-00001.* lacks .* and \d+ more.* another"):
        read_checkpoint(folder)


def test_a_truncated_shard(folder: Path) -> None:
    os.truncate(shard(folder, 1), 1000)
    with pytest.raises(CheckpointError, match=r"model-00001.* not a complete safetensors file"):
        read_checkpoint(folder)


@pytest.mark.parametrize("name", ["../x.safetensors", "/etc/passwd", "..", ".", "", 5, None])
def test_an_index_that_names_files_elsewhere(folder: Path, name: object) -> None:
    (folder / INDEX).write_text(json.dumps({"weight_map": {"a": name}}))
    with pytest.raises(CheckpointError, match="expected names of files in its folder, found"):
        read_checkpoint(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ("[]", "not a JSON object"),
        ("{}", "'weight_map'"),
        ('{"weight_map": []}', "expected a JSON object"),
        ('{"weight_map": {"a": []}}', "expected a JSON object"),
        ('{"weight_map": {"a": "x", "a": "y"}}', "the key 'a' is repeated"),
        ('{"weight_map": {}}', "found none"),
    ],
)
def test_a_damaged_index(folder: Path, text: str, message: str) -> None:
    (folder / INDEX).write_text(text)
    with pytest.raises(CheckpointError, match=message):
        read_checkpoint(folder)


def test_a_huge_index(folder: Path) -> None:
    os.truncate(folder / INDEX, 1 << 40)
    with pytest.raises(CheckpointError, match="expected at most"):
        read_checkpoint(folder)


@pytest.mark.parametrize("name", ["model-00001-of-00002.safetensors", INDEX])
def test_one_part_of_a_model_in_shards(folder: Path, name: str) -> None:
    for sources in (
        Sources(checkpoint=folder / name),
        Sources(checkpoint=folder, autoencoder=folder / name),
    ):
        with pytest.raises(
            CheckpointError, match=rf"{name}: is (a shard|the index) of .* folder .*{folder}$"
        ):
            read_checkpoint(sources)


def test_shards_without_their_index(folder: Path) -> None:
    (folder / INDEX).unlink()
    for look in (read_checkpoint, inspect_path):
        with pytest.raises(CheckpointError, match=r"model-00001-of-00002.* without their index"):
            look(folder)


def test_the_only_shard_is_a_checkpoint(small_checkpoint: Path, tmp_path: Path) -> None:
    path = tmp_path / "model-00001-of-00001.safetensors"
    path.symlink_to(small_checkpoint)
    assert load_model(read_checkpoint(path))


def test_missing_keys_are_unknown_without_sizes(folder: Path, tmp_path: Path) -> None:
    held = load_file(shard(folder, 1))
    save_file({k: v for k, v in held.items() if "input_blocks.0" not in k}, tmp_path / "part.st")
    facts = dict(inspect_path(tmp_path / "part.st").facts)
    assert facts["missing"] == facts["misshapen"] == facts["extra"] == "not known"
