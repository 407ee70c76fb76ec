"""Checkpoints are read safely, and errors name what does not fit."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from diad_deploy.errors import CheckpointError
from diad_export.checkpoint.published_keys import AUTOENCODER, CONTEXT, FEATURES
from diad_export.checkpoint.read import Sources, read_checkpoint
from diad_export.checkpoint.weights import load_model, model_keys, save_checkpoint
from diad_export.model.diad import DiadModel
from diad_export.options import Recommended


def test_half_precision_round_trip(small_model: DiadModel, small_checkpoint: Path) -> None:
    checkpoint = read_checkpoint(small_checkpoint)
    again = load_model(checkpoint)
    assert checkpoint.recommended.image_size_px == 32
    for name, value in small_model.state_dict().items():
        expected = value.half().float() if value.is_floating_point() else value
        assert torch.equal(again.state_dict()[name], expected), name


def test_training_file_is_unwrapped_and_its_optimizer_left_alone(golden_checkpoint: Path) -> None:
    checkpoint = read_checkpoint(golden_checkpoint)
    assert "control_model.down11.0.weight" in checkpoint.tensors
    assert not [key for key in checkpoint.tensors if "exp_avg" in key]
    assert checkpoint.origin.size_bytes == golden_checkpoint.stat().st_size


def test_bare_dictionary(golden_checkpoint: Path, tmp_path: Path) -> None:
    tensors = dict(read_checkpoint(golden_checkpoint).tensors)
    bare = tmp_path / "bare.ckpt"
    torch.save(tensors, bare)
    assert read_checkpoint(bare).tensors.keys() == tensors.keys()


def test_all_missing_and_misshapen_keys_are_named(small_checkpoint: Path, tmp_path: Path) -> None:
    tensors = load_file(small_checkpoint)
    del tensors["control_model.down11.0.weight"]
    tensors["model.diffusion_model.out.2.bias"] = torch.zeros(5)
    path = tmp_path / "damaged.safetensors"
    save_file(tensors, path)
    with pytest.raises(CheckpointError) as caught:
        load_model(read_checkpoint(path))
    message = str(caught.value)
    assert "1 missing (control_model.down11.0.weight)" in message
    assert "model.diffusion_model.out.2.bias: found [5], expected [4]" in message


def test_context_is_needed(small_checkpoint: Path, tmp_path: Path) -> None:
    tensors = load_file(small_checkpoint)
    del tensors[CONTEXT]
    path = tmp_path / "without.safetensors"
    save_file(tensors, path)
    with pytest.raises(CheckpointError, match="1 missing \\(context\\)"):
        load_model(read_checkpoint(path))


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04torn", b"\x80\x04."])
def test_files_that_are_not_checkpoints(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file.ckpt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"file\.ckpt"):
        read_checkpoint(path)


@pytest.mark.parametrize("kind", ["safetensors", "ckpt"])
def test_truncated(
    kind: str, small_checkpoint: Path, golden_checkpoint: Path, tmp_path: Path
) -> None:
    whole = (small_checkpoint if kind == "safetensors" else golden_checkpoint).read_bytes()
    path = tmp_path / f"torn.{kind}"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match="copy it again"):
        read_checkpoint(path)


class Hostile:
    def __reduce__(self):
        return os.mkdir, ("hostile-was-here",)


@pytest.mark.parametrize("how", ["torch", "pickle"])
def test_code_in_a_pickle_is_never_run(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "hostile.ckpt"
    if how == "torch":
        torch.save({"state_dict": Hostile()}, path)
    else:
        path.write_bytes(pickle.dumps(Hostile()))
    with pytest.raises(
        CheckpointError, match=r"holds no named tensors|neither a safetensors file nor"
    ):
        read_checkpoint(path)
    assert not (tmp_path / "hostile-was-here").exists()


def test_other_objects_in_the_file_are_ignored(
    golden_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Older training code saves callbacks by their class, which `weights_only` rejects."""
    monkeypatch.chdir(tmp_path)
    weights = {"control_model.x.weight": torch.arange(4.0), "betas": torch.ones(2)}
    training = {
        "callbacks": {Hostile: {"best": Hostile()}, "plain": [Hostile()]},
        "state_dict": weights,
        "hyper_parameters": Hostile(),
    }
    path = tmp_path / "trained.ckpt"
    torch.save(training, path)
    read = read_checkpoint(path).tensors
    assert {key: value.tolist() for key, value in read.items()} == {
        key: value.tolist() for key, value in weights.items()
    }
    assert not (tmp_path / "hostile-was-here").exists()


@pytest.mark.parametrize(
    "wrapper",
    ["module.", "diad.", "_orig_mod.", "model.", "net.", "ema_model.", "model_ema.module."],
)
def test_wrappers_are_removed(small_checkpoint: Path, tmp_path: Path, wrapper: str) -> None:
    tensors = load_file(small_checkpoint)
    path = tmp_path / "wrapped.safetensors"
    save_file({wrapper + key: value for key, value in tensors.items()}, path)
    assert read_checkpoint(path).tensors.keys() == tensors.keys()


def test_two_models_in_one_file(small_checkpoint: Path, tmp_path: Path) -> None:
    """A module under two names is read; two different models are an error."""
    tensors = load_file(small_checkpoint)
    path = tmp_path / "two.ckpt"
    wrapped = {f"model.{key}": value for key, value in tensors.items()}
    torch.save({**wrapped, **{f"net.{key}": value for key, value in tensors.items()}}, path)
    assert read_checkpoint(path).tensors.keys() == tensors.keys()
    torch.save({**wrapped, **{f"net.{key}": value + 1 for key, value in tensors.items()}}, path)
    with pytest.raises(CheckpointError, match=r"holds two models.*'model\..*' and 'net\..*'"):
        read_checkpoint(path)


def test_one_tensor_under_two_names_that_is_not_dense(tmp_path: Path) -> None:
    held = {f"{name}.{FEATURES}x": torch.ones(4, device="meta") for name in ("model", "net")}
    torch.save(held, tmp_path / "meta.ckpt")
    assert list(read_checkpoint(tmp_path / "meta.ckpt").tensors) == [f"{FEATURES}x"]


def test_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CheckpointError, match="found a pipe, socket or device at this path"):
        read_checkpoint(tmp_path / "pipe")


@pytest.mark.parametrize("average", ["ema_model.{}", "model_ema.{}"])
def test_averages_beside_the_weights_are_not_used(
    small_checkpoint: Path, tmp_path: Path, average: str
) -> None:
    tensors = load_file(small_checkpoint)
    key = "model.diffusion_model.out.2.bias"
    name = key if average.startswith("ema_model") else key.removeprefix("model.").replace(".", "")
    path = tmp_path / "averaged.safetensors"
    save_file({**tensors, average.format(name): torch.full((4,), 9.0)}, path)
    checkpoint = read_checkpoint(path)
    assert torch.equal(checkpoint.tensors[key], tensors[key])
    assert checkpoint.averaged == (average.format(name),)


@pytest.mark.parametrize("prefixed", [True, False])
def test_parts_from_files_of_their_own(
    small_checkpoint: Path, tmp_path: Path, prefixed: bool
) -> None:
    tensors = load_file(small_checkpoint)
    rest = dict(tensors)
    files = {}
    for name, prefix in (("autoencoder", AUTOENCODER), ("features", FEATURES)):
        part = {key: rest.pop(key) for key in list(rest) if key.startswith(prefix)}
        own = {key if prefixed else key.removeprefix(prefix): v for key, v in part.items()}
        files[name] = tmp_path / f"{name}.safetensors"
        save_file(own, files[name])
    files["context"] = tmp_path / "context.npy"
    np.save(files["context"], rest.pop(CONTEXT).numpy())
    files["checkpoint"] = tmp_path / "rest.safetensors"
    save_file(rest, files["checkpoint"])
    with pytest.raises(CheckpointError):
        load_model(read_checkpoint(files["checkpoint"]))
    whole = load_model(read_checkpoint(Sources(**files))).state_dict()
    expected = load_model(read_checkpoint(small_checkpoint)).state_dict()
    assert all(torch.equal(whole[name], expected[name]) for name in expected)


def test_extractor_by_name(small_checkpoint: Path) -> None:
    sources = Sources(checkpoint=small_checkpoint, extractor="resnet18")
    with pytest.raises(CheckpointError, match=r"missing \(pretrained_model"):
        load_model(read_checkpoint(sources))
    with pytest.raises(CheckpointError, match="no timm network 'resnet-nothing'"):
        load_model(
            read_checkpoint(Sources(checkpoint=small_checkpoint, extractor="resnet-nothing"))
        )


def test_context_of_a_wrong_shape(small_checkpoint: Path, tmp_path: Path) -> None:
    path = tmp_path / "context.npy"
    np.save(path, np.zeros((4, 32), dtype=np.float32))
    with pytest.raises(CheckpointError, match=r"found float32 \[4, 32\]"):
        read_checkpoint(Sources(checkpoint=small_checkpoint, context=path))


@pytest.mark.parametrize("header", ["(" * 900, "(1, 100000, 1000000), }"])
def test_a_context_with_a_false_header(small_checkpoint: Path, tmp_path: Path, header: str) -> None:
    path = tmp_path / "context.npy"
    text = "{'descr': '<f4', 'fortran_order': False, 'shape': " + header + "\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode())
    with pytest.raises(CheckpointError, match="cannot be read as a NumPy array"):
        read_checkpoint(Sources(checkpoint=small_checkpoint, context=path))


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="found nothing"):
        read_checkpoint(tmp_path / "absent.ckpt")
    with pytest.raises(CheckpointError, match="a folder with components"):
        read_checkpoint(tmp_path)


def test_invalid_settings(small_model: DiadModel, tmp_path: Path) -> None:
    from diad_export.checkpoint.read import SETTINGS_KEY

    path = tmp_path / "odd.safetensors"
    save_checkpoint(small_model, path, Recommended())
    save_file(load_file(path), path, metadata={SETTINGS_KEY: '{"steps": "many"}'})
    with pytest.raises(CheckpointError, match="steps"):
        read_checkpoint(path)


def test_every_tensor_has_a_published_key(golden_model: DiadModel, golden_checkpoint: Path) -> None:
    shapes = read_checkpoint(golden_checkpoint).shapes()
    keys = model_keys(golden_model)
    assert len(set(keys.values())) == len(keys)
    assert {key for key in keys.values() if key not in shapes} == {CONTEXT}
