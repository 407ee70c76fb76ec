"""Cross-attention over a constant context.

The prompt is always empty, so keys and values are constants and need no projections. Where it is
less work, they are also multiplied into the projections of the query and the output:
`softmax(x Wq K^T) V Wo` is `softmax(x (Wq K^T)) (V Wo)`, two products instead of four.
"""

import torch
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn
from torch.nn.functional import linear, scaled_dot_product_attention


def fix_context(network: nn.Module, context: Tensor) -> None:
    """Give every cross-attention of `network` the constant `context`, in place.

    Args:
        network: a UNet or ControlNet.
        context: `[1, T, W]`.
    """
    for module in network.modules():
        if isinstance(module, Attention) and module.is_cross_attention:
            if _folding_saves_work(module, tokens=context.shape[1]):
                module.processor = FoldedAttention(module, context)
                del module.to_q, module.to_out
            else:
                module.processor = ConstantContextAttention(module, context)
            del module.to_k, module.to_v


def _folding_saves_work(attention: Attention, *, tokens: int) -> bool:
    """Whether `C x heads T` is fewer multiply-adds per cell than `C x C` and `C x T`."""
    channels: int = attention.to_q.out_features
    heads: int = attention.heads
    return heads * tokens < channels + tokens


class ConstantContextAttention(nn.Module):
    """Attention processor for diffusers with constant keys and values.

    It ignores `encoder_hidden_states`.
    """

    key: Tensor
    value: Tensor

    def __init__(self, attention: Attention, context: Tensor) -> None:
        super().__init__()
        self.register_buffer("key", _heads(attention, attention.to_k(context)))
        self.register_buffer("value", _heads(attention, attention.to_v(context)))

    def __call__(self, attention: Attention, hidden_states: Tensor, **ignored: object) -> Tensor:
        """Attention of `hidden_states` `[B, N, C]` over the constant context."""
        del ignored
        batch, cells, channels = hidden_states.shape
        query = attention.to_q(hidden_states).view(batch, cells, attention.heads, -1)
        key = self.key.expand(batch, -1, -1, -1)
        value = self.value.expand(batch, -1, -1, -1)
        mixed = scaled_dot_product_attention(query.transpose(1, 2), key, value)
        merged = mixed.transpose(1, 2).reshape(batch, cells, channels)
        result: Tensor = attention.to_out[0](merged)
        return result


class FoldedAttention(nn.Module):
    """The same, with the keys folded into the query's projection and the values into the output's.

    `to_logits` is `[heads T, C]` and `from_weights` `[C, heads T]`; both are computed in float64.
    """

    to_logits: Tensor
    from_weights: Tensor
    bias: Tensor

    def __init__(self, attention: Attention, context: Tensor) -> None:
        super().__init__()
        heads = attention.heads
        key = _heads(attention, attention.to_k(context))[0].double()
        value = _heads(attention, attention.to_v(context))[0].double()
        query = attention.to_q.weight.double().unflatten(0, (heads, -1))
        output = attention.to_out[0].weight.double().unflatten(1, (heads, -1))
        logits = torch.einsum("htd,hdc->htc", key, query) * attention.scale
        weights = torch.einsum("chd,htd->cht", output, value)
        self.register_buffer("to_logits", logits.flatten(0, 1).float())
        self.register_buffer("from_weights", weights.flatten(1, 2).float())
        self.register_buffer("bias", attention.to_out[0].bias)

    def __call__(self, attention: Attention, hidden_states: Tensor, **ignored: object) -> Tensor:
        """Attention of `hidden_states` `[B, N, C]` over the constant context."""
        del ignored
        batch, cells, _ = hidden_states.shape
        logits = linear(hidden_states, self.to_logits).view(batch, cells, attention.heads, -1)
        return linear(logits.softmax(dim=-1).flatten(2), self.from_weights, self.bias)


def _heads(attention: Attention, projected: Tensor) -> Tensor:
    """`[1, T, C]` -> `[1, heads, T, C / heads]`."""
    tokens = projected.shape[1]
    return projected.view(1, tokens, attention.heads, -1).transpose(1, 2).contiguous()
