"""Constant keys and values, folded or not, are the published cross-attention."""

import copy

import pytest
import torch
from diffusers.models.attention_processor import Attention
from torch import nn

from diad_export.model.constant_context import (
    ConstantContextAttention,
    FoldedAttention,
    fix_context,
)
from tests.golden_case import relative_error


def make_attention(channels: int) -> nn.ModuleDict:
    torch.manual_seed(3)
    attention = Attention(
        query_dim=channels, cross_attention_dim=24, heads=8, dim_head=channels // 8
    )
    return nn.ModuleDict({"attention": attention}).eval().requires_grad_(False)


@pytest.mark.parametrize(
    ("channels", "tokens", "processor"),
    [(64, 4, FoldedAttention), (64, 77, ConstantContextAttention), (640, 77, FoldedAttention)],
)
def test_same_attention_with_less_work(
    channels: int, tokens: int, processor: type[nn.Module]
) -> None:
    generator = torch.Generator().manual_seed(4)
    network = make_attention(channels)
    context = torch.randn(1, tokens, 24, generator=generator)
    hidden = torch.randn(2, 9, channels, generator=generator) * 3
    expected = network["attention"](hidden, encoder_hidden_states=context.expand(2, -1, -1))
    lean = copy.deepcopy(network)
    fix_context(lean, context)
    found = lean["attention"](hidden, encoder_hidden_states=None)
    assert isinstance(lean["attention"].processor, processor)
    assert relative_error(found, expected) < 1e-5


def test_folding_removes_the_projections() -> None:
    network = make_attention(640)
    fix_context(network, torch.zeros(1, 77, 24))
    names = {name for name, _ in network.named_parameters()}
    assert not [name for name in names if "to_" in name]
    folded = sum(buffer.numel() for buffer in network.buffers())
    assert folded == 2 * 8 * 77 * 640 + 640


def test_self_attention_is_left_alone() -> None:
    network = nn.ModuleDict({"attention": Attention(query_dim=64, heads=8, dim_head=8)})
    before = network["attention"].processor
    fix_context(network, torch.zeros(1, 4, 24))
    assert network["attention"].processor is before
    assert network["attention"].to_k is not None
