"""The context of the empty prompt, computed by DiAD's text model.

The prompt is always empty, so the text model runs once, during the build, and is not exported.
"""

import re
from collections.abc import Iterable, Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel

from diad_deploy.errors import CheckpointError

Shapes = Mapping[str, tuple[int, ...]]
Entry = TypeVar("Entry")

TEXT_MODEL = "cond_stage_model.transformer.text_model."
START_TOKEN = 49406
END_TOKEN = 49407
CLIP_HEAD_WIDTH = 64
MIN_HEADS = 4


def has_text_model(keys: Mapping[str, object]) -> bool:
    """Whether a checkpoint holds the text model."""
    return any(key.startswith(TEXT_MODEL) for key in keys)


@torch.no_grad()
def empty_prompt_context(tensors: Mapping[str, Tensor]) -> Tensor:
    """The context `[1, 77, W]` (float32) of the empty prompt: a start token, then end tokens.

    Raises:
        CheckpointError: tensors of the text model are missing or misshapen.
    """
    model = _make({name: tensor.float() for name, tensor in _own(tensors).items()})
    tokens = model.config.max_position_embeddings
    prompt = torch.full((1, tokens), END_TOKEN)
    prompt[0, 0] = START_TOKEN
    model.train(mode=False)
    context: Tensor = model(input_ids=prompt).last_hidden_state
    return context


def compare_text(shapes: Shapes) -> tuple[list[str], list[str]]:
    """Published keys of the text model that are missing from `shapes`, and misshapen ones."""
    own = _own(shapes)
    try:
        with torch.device("meta"):
            expected = _inner(CLIPTextModel(_config(own))).state_dict()
    except KeyError as error:
        return [TEXT_MODEL + str(error.args[0])], []
    missing = [TEXT_MODEL + name for name in expected if name not in own]
    misshapen = [
        f"{TEXT_MODEL}{name}: found {list(own[name])}, expected {list(value.shape)}"
        for name, value in expected.items()
        if name in own and tuple(own[name]) != tuple(value.shape)
    ]
    return missing, misshapen


def _own(entries: Mapping[str, Entry]) -> dict[str, Entry]:
    """The entries of the text model, without prefix; the position ids are not weights."""
    return {
        key.removeprefix(TEXT_MODEL): value
        for key, value in entries.items()
        if key.startswith(TEXT_MODEL) and not key.endswith("position_ids")
    }


def _make(weights: dict[str, Tensor]) -> CLIPTextModel:
    try:
        model = CLIPTextModel(_config({name: tuple(t.shape) for name, t in weights.items()}))
        _inner(model).load_state_dict(weights, strict=True)
    except (KeyError, RuntimeError, ValueError) as error:
        raise CheckpointError(
            f"the checkpoint's text model is incomplete: {' '.join(str(error).split())[:300]}; "
            f"give a context with --context FILE.npy"
        ) from None
    return model


def _inner(model: CLIPTextModel) -> nn.Module:
    """The module with the checkpoint's names, which some releases of transformers wrap."""
    inner: nn.Module = getattr(model, "text_model", model)
    return inner


def _config(shapes: Shapes) -> CLIPTextConfig:
    vocabulary, width = shapes["embeddings.token_embedding.weight"]
    return CLIPTextConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=shapes["encoder.layers.0.mlp.fc1.bias"][0],
        num_hidden_layers=_layers(shapes),
        num_attention_heads=max(MIN_HEADS, width // CLIP_HEAD_WIDTH),
        max_position_embeddings=shapes["embeddings.position_embedding.weight"][0],
        hidden_act="quick_gelu",
    )


def _layers(names: Iterable[str]) -> int:
    found = [int(m[1]) for name in names if (m := re.match(r"encoder\.layers\.(\d+)\.", name))]
    return max(found, default=-1) + 1
