"""The empty prompt's context: what DiAD's text model says of no words.

The prompt is always empty, so the text model is run once, at the build, and is not exported.
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel

from diad_deploy.errors import CheckpointError

TEXT_MODEL = "cond_stage_model.transformer.text_model."
START_TOKEN = 49406
END_TOKEN = 49407
CLIP_HEAD_WIDTH = 64
FEWEST_HEADS = 4


def has_text_model(keys: Mapping[str, object]) -> bool:
    """Whether a checkpoint carries the text model."""
    return any(key.startswith(TEXT_MODEL) for key in keys)


@torch.no_grad()
def empty_prompt_context(tensors: Mapping[str, Tensor]) -> Tensor:
    """The context of the empty prompt, `[1, 77, W]` float32: a start token, then end tokens.

    Raises:
        CheckpointError: tensors of the text model are missing or misshapen.
    """
    weights = {
        key.removeprefix(TEXT_MODEL): tensor.float()
        for key, tensor in tensors.items()
        if key.startswith(TEXT_MODEL) and not key.endswith("position_ids")
    }
    model = _make(weights)
    tokens = model.config.max_position_embeddings
    prompt = torch.full((1, tokens), END_TOKEN)
    prompt[0, 0] = START_TOKEN
    model.train(mode=False)
    context: Tensor = model(input_ids=prompt).last_hidden_state
    return context


def _make(weights: dict[str, Tensor]) -> CLIPTextModel:
    try:
        vocabulary, width = weights["embeddings.token_embedding.weight"].shape
        config = CLIPTextConfig(
            vocab_size=vocabulary,
            hidden_size=width,
            intermediate_size=len(weights["encoder.layers.0.mlp.fc1.bias"]),
            num_hidden_layers=_layers(weights),
            num_attention_heads=max(FEWEST_HEADS, width // CLIP_HEAD_WIDTH),
            max_position_embeddings=len(weights["embeddings.position_embedding.weight"]),
            hidden_act="quick_gelu",
        )
        model = CLIPTextModel(config)
        inner = getattr(model, "text_model", model)
        inner.load_state_dict(weights, strict=True)
    except (KeyError, RuntimeError, ValueError) as error:
        raise CheckpointError(
            f"the checkpoint's text model is not whole: {' '.join(str(error).split())[:300]}; "
            f"give the context itself under the key 'context'"
        ) from None
    return model


def _layers(weights: dict[str, Tensor]) -> int:
    found = [int(m[1]) for key in weights if (m := re.match(r"encoder\.layers\.(\d+)\.", key))]
    return max(found, default=-1) + 1
