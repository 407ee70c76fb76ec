"""A folder of components, as diffusers saves it, is the same checkpoint."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from diad_deploy.errors import CheckpointError
from diad_export.checkpoint.read import Sources, read_checkpoint
from diad_export.checkpoint.weights import load_model
from diad_export.cli.inspect import inspect_path
from diad_export.model.diad import DiadModel
from tests.golden_case import golden_state_dict

VAE = Path("vae") / "diffusion_pytorch_model.safetensors"


@pytest.fixture
def folder(small_model: DiadModel, tmp_path: Path) -> Path:
    """The small model, saved by diffusers where the part is one of diffusers."""
    path = tmp_path / "model"
    small_model.unet.save_pretrained(path / "unet")
    small_model.semantic_guided.control.save_pretrained(path / "controlnet")
    small_model.autoencoder.save_pretrained(path / "vae")
    for name in ("fusion", "features"):
        (path / name).mkdir()
    fusion = small_model.semantic_guided.fusion.state_dict()
    save_file(fusion, path / "fusion" / "model.safetensors")
    torch.save(small_model.features.state_dict(), path / "features" / "pytorch_model.bin")
    np.save(path / "context.npy", small_model.context.numpy())
    return path


def same_model(source: Path | Sources, model: DiadModel) -> None:
    found, expected = load_model(read_checkpoint(source)).state_dict(), model.state_dict()
    assert set(found) == set(expected)
    for name, tensor in expected.items():
        assert torch.equal(found[name], tensor), name


def test_every_tensor_comes_back(folder: Path, small_model: DiadModel) -> None:
    same_model(folder, small_model)


def test_the_hash_is_of_all_files(folder: Path) -> None:
    before = read_checkpoint(folder).origin
    assert before.name == "model"
    assert before.size_bytes > sum(
        p.stat().st_size for p in (folder / "unet").glob("*.safetensors")
    )
    context = np.load(folder / "context.npy")
    np.save(folder / "context.npy", context + 1)
    assert read_checkpoint(folder).origin.sha256 != before.sha256


def test_shards(folder: Path, small_model: DiadModel) -> None:
    split(folder / VAE)
    same_model(folder, small_model)


def split(file: Path) -> None:
    """Replace a file by two shards and their index."""
    tensors = load_file(file)
    names = sorted(tensors)
    file.unlink()
    shards = {"one.safetensors": names[::2], "two.safetensors": names[1::2]}
    for shard, held in shards.items():
        save_file({name: tensors[name] for name in held}, file.with_name(shard))
    index = {"weight_map": {name: shard for shard, held in shards.items() for name in held}}
    file.with_name(f"{file.name}.index.json").write_text(json.dumps(index))


def test_an_index_that_leaves_the_folder_is_rejected(folder: Path) -> None:
    split(folder / VAE)
    index = folder / "vae" / f"{VAE.name}.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "../unet/x.safetensors"}}))
    with pytest.raises(CheckpointError, match="names of files in its folder"):
        read_checkpoint(folder)
    index.write_text(json.dumps({"weight_map": {"a": "three.safetensors"}}))
    with pytest.raises(CheckpointError, match=r"lists three\.safetensors"):
        read_checkpoint(folder)
    index.write_text("[]")
    with pytest.raises(CheckpointError, match="weight_map"):
        read_checkpoint(folder)


def test_names_of_older_releases(folder: Path, small_model: DiadModel) -> None:
    older = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    renamed = {}
    for name, tensor in load_file(folder / VAE).items():
        for new, old in older.items():
            name = name.replace(f".{new}.", f".{old}.")
        renamed[name] = tensor
    assert any(".proj_attn." in name for name in renamed)
    save_file(renamed, folder / VAE)
    same_model(folder, small_model)


def test_fusion_beside_the_control_network(folder: Path, small_model: DiadModel) -> None:
    control = folder / "controlnet" / "diffusion_pytorch_model.safetensors"
    fusion = load_file(folder / "fusion" / "model.safetensors")
    ours = {f"fusion.{name}": tensor for name, tensor in fusion.items()}
    published = {
        f"down{int(i) + 1}{int(j) + 1}.0.weight": tensor
        for name, tensor in fusion.items()
        for _, i, j, _ in [name.split(".")]
    }
    tensors = load_file(control)
    (folder / "fusion" / "model.safetensors").unlink()
    (folder / "fusion").rmdir()
    for names in (ours, published):
        save_file({**tensors, **names}, control)
        same_model(folder, small_model)


def test_a_text_model_replaces_a_context(folder: Path) -> None:
    prefix = "cond_stage_model.transformer."
    text = {
        key.removeprefix(prefix): tensor
        for key, tensor in golden_state_dict("tiny").items()
        if key.startswith(prefix)
    }
    (folder / "context.npy").unlink()
    (folder / "text_encoder").mkdir()
    save_file(text, folder / "text_encoder" / "model.safetensors")
    found = read_checkpoint(folder)
    assert {prefix + key for key in text} <= set(found.tensors)


def test_the_autoencoder_alone_as_a_part(
    folder: Path, small_checkpoint: Path, small_model: DiadModel
) -> None:
    exact = small_model.autoencoder.state_dict()
    for part in (folder / VAE, folder / "vae"):
        model = load_model(read_checkpoint(Sources(checkpoint=small_checkpoint, autoencoder=part)))
        for name, tensor in model.autoencoder.state_dict().items():
            assert torch.equal(tensor, exact[name])


def test_what_is_missing_extra_and_misshapen_is_named(folder: Path) -> None:
    tensors = load_file(folder / VAE)
    del tensors["decoder.conv_out.bias"]
    tensors["decoder.new.weight"] = torch.zeros(1)
    tensors["encoder.conv_out.bias"] = torch.zeros(5)
    save_file(tensors, folder / VAE)
    found = inspect_path(folder).everything
    assert found["missing"] == ("first_stage_model.decoder.conv_out.bias",)
    assert found["extra"] == ("autoencoder.decoder.new.weight",)
    assert [line.split(":")[0] for line in found["misshapen"]] == [
        "first_stage_model.encoder.conv_out.bias"
    ]


def test_inspect_identifies_it(folder: Path) -> None:
    text = inspect_path(folder).as_text()
    assert "a trained DiAD model" in text
    assert f"diad-export build {folder}" in text


def test_a_missing_component_is_named(folder: Path) -> None:
    for file in (folder / "vae").iterdir():
        file.unlink()
    with pytest.raises(CheckpointError, match=r"vae: expected one of diffusion_pytorch_model"):
        read_checkpoint(folder)
    (folder / "vae").rmdir()
    assert "autoencoder" in inspect_path(folder).as_text()


def test_a_truncated_component_is_one_line(folder: Path) -> None:
    content = (folder / VAE).read_bytes()
    (folder / VAE).write_bytes(content[: len(content) // 2])
    with pytest.raises(CheckpointError, match="copy it again") as caught:
        read_checkpoint(folder)
    assert "\n" not in str(caught.value)


def test_a_folder_without_components(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(CheckpointError, match=r"components \(unet.*found notes\.txt"):
        read_checkpoint(tmp_path)
