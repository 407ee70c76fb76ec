"""A checkpoint without an extractor uses timm's, or the error names the option for one."""

from dataclasses import replace

import pytest
import timm
import torch

from diad_deploy.errors import CheckpointError
from diad_export.checkpoint.pretrained_features import complete_features
from diad_export.checkpoint.published_keys import FEATURES
from diad_export.checkpoint.read import Checkpoint, read_checkpoint
from diad_export.checkpoint.weights import load_model
from diad_export.model.diad import DiadModel

MAKE = timm.create_model


@pytest.fixture
def bare(small_checkpoint) -> Checkpoint:
    """The small checkpoint without its extractor, which its settings still name."""
    read = read_checkpoint(small_checkpoint)
    kept = {key: value for key, value in read.tensors.items() if not key.startswith(FEATURES)}
    return replace(read, tensors=kept)


def test_timms_weights_are_used(bare: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    def make(name: str, *, pretrained: bool, **more: object) -> torch.nn.Module:
        network = MAKE(name, pretrained=False, **more)
        if pretrained:
            for parameter in network.parameters():
                torch.nn.init.constant_(parameter, 0.25)
        return network

    monkeypatch.setattr(timm, "create_model", make)
    complete, tag = complete_features(bare)
    assert tag == f"resnet10t.{timm.get_pretrained_cfg('resnet10t').tag}"
    model = load_model(complete)
    assert all((parameter == 0.25).all() for parameter in model.features.parameters())


def test_an_extractor_in_the_file_is_left_alone(small_checkpoint, small_model: DiadModel) -> None:
    read = read_checkpoint(small_checkpoint)
    complete, tag = complete_features(read)
    assert complete is read
    assert tag is None


@pytest.mark.parametrize(
    "error",
    [FileNotFoundError("cannot find the files\nat all"), RuntimeError("no pretrained weights")],
)
def test_if_they_cannot_be_loaded_the_option_is_named(
    bare: Checkpoint, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def make(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(timm, "create_model", make)
    with pytest.raises(CheckpointError, match=r"resnet10t cannot be loaded.*--features") as caught:
        complete_features(bare)
    assert "\n" not in str(caught.value)


def test_a_name_that_timm_does_not_know(bare: Checkpoint) -> None:
    odd = replace(bare, recommended=replace(bare.recommended, extractor="resnet-nothing"))
    with pytest.raises(CheckpointError, match="no timm network 'resnet-nothing'"):
        complete_features(odd)
