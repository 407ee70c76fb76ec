"""Keys of the published checkpoints, and the names of the same tensors in `DiadModel`.

The published code derives from latent diffusion and ControlNet, `DiadModel` is built on diffusers.
They differ in names, and in the shape of the autoencoder's attention: 1 x 1 convolutions in the
published code, linear layers in diffusers.
"""

from collections.abc import Iterator

from diad_export.model.sizes import HINT_CHANNELS, SFF_LEVEL_OUTPUTS, AutoencoderSizes, UnetSizes

UNET = "model.diffusion_model."
CONTROL = "control_model."
AUTOENCODER = "first_stage_model."
TEXT = "cond_stage_model."
FEATURES = "pretrained_model."
CONTEXT = "context"
"""An addition to the published keys: the context of the empty prompt, for files without the text
model."""

_RESNET = {
    "in_layers.0": "norm1",
    "in_layers.2": "conv1",
    "emb_layers.1": "time_emb_proj",
    "out_layers.0": "norm2",
    "out_layers.3": "conv2",
}
_AUTOENCODER_RESNET = {"norm1": "norm1", "conv1": "conv1", "norm2": "norm2", "conv2": "conv2"}
_TRANSFORMER_WITH_BIAS = (
    "norm",
    "proj_in",
    "transformer_blocks.0.attn1.to_out.0",
    "transformer_blocks.0.attn2.to_out.0",
    "transformer_blocks.0.ff.net.0.proj",
    "transformer_blocks.0.ff.net.2",
    "transformer_blocks.0.norm1",
    "transformer_blocks.0.norm2",
    "transformer_blocks.0.norm3",
    "proj_out",
)
_TRANSFORMER_WITHOUT_BIAS = tuple(
    f"transformer_blocks.0.{attention}.{projection}"
    for attention in ("attn1", "attn2")
    for projection in ("to_q", "to_k", "to_v")
)

Pairs = Iterator[tuple[str, str]]


def published_names(unet: UnetSizes, autoencoder: AutoencoderSizes) -> dict[str, str]:
    """Name in `DiadModel` -> published key, for all parts but the text model and the extractor."""
    pairs = [
        *_unet(unet),
        *_control(unet),
        *_autoencoder(autoencoder),
    ]
    return dict(pairs)


def _both(ours: str, published: str) -> Pairs:
    yield f"{ours}.weight", f"{published}.weight"
    yield f"{ours}.bias", f"{published}.bias"


def _resnet(ours: str, published: str, *, shortcut: bool) -> Pairs:
    for theirs, mine in _RESNET.items():
        yield from _both(f"{ours}.{mine}", f"{published}.{theirs}")
    if shortcut:
        yield from _both(f"{ours}.conv_shortcut", f"{published}.skip_connection")


def _transformer(ours: str, published: str) -> Pairs:
    for name in _TRANSFORMER_WITH_BIAS:
        yield from _both(f"{ours}.{name}", f"{published}.{name}")
    for name in _TRANSFORMER_WITHOUT_BIAS:
        yield f"{ours}.{name}.weight", f"{published}.{name}.weight"


def _encoder_half(sizes: UnetSizes, ours: str, published: str) -> Pairs:
    """The parts that UNet and SG network share: time embedding, encoder and middle block."""
    yield from _both(f"{ours}time_embedding.linear_1", f"{published}time_embed.0")
    yield from _both(f"{ours}time_embedding.linear_2", f"{published}time_embed.2")
    yield from _both(f"{ours}conv_in", f"{published}input_blocks.0.0")
    index, channels = 1, sizes.channels[0]
    for level, width in enumerate(sizes.channels):
        for block in range(sizes.res_blocks):
            yield from _resnet(
                f"{ours}down_blocks.{level}.resnets.{block}",
                f"{published}input_blocks.{index}.0",
                shortcut=channels != width,
            )
            if sizes.attention_levels[level]:
                yield from _transformer(
                    f"{ours}down_blocks.{level}.attentions.{block}",
                    f"{published}input_blocks.{index}.1",
                )
            index, channels = index + 1, width
        if level < len(sizes.channels) - 1:
            yield from _both(
                f"{ours}down_blocks.{level}.downsamplers.0.conv",
                f"{published}input_blocks.{index}.0.op",
            )
            index += 1
    yield from _resnet(f"{ours}mid_block.resnets.0", f"{published}middle_block.0", shortcut=False)
    yield from _transformer(f"{ours}mid_block.attentions.0", f"{published}middle_block.1")
    yield from _resnet(f"{ours}mid_block.resnets.1", f"{published}middle_block.2", shortcut=False)


def _unet(sizes: UnetSizes) -> Pairs:
    ours, published = "unet.", UNET
    yield from _encoder_half(sizes, ours, published)
    index = 0
    for block, level in enumerate(reversed(range(len(sizes.channels)))):
        for resnet in range(sizes.res_blocks + 1):
            # a decoder block concatenates a skip, so it always has a shortcut
            yield from _resnet(
                f"{ours}up_blocks.{block}.resnets.{resnet}",
                f"{published}output_blocks.{index}.0",
                shortcut=True,
            )
            if sizes.attention_levels[level]:
                yield from _transformer(
                    f"{ours}up_blocks.{block}.attentions.{resnet}",
                    f"{published}output_blocks.{index}.1",
                )
            index += 1
        if level > 0:
            place = 2 if sizes.attention_levels[level] else 1
            yield from _both(
                f"{ours}up_blocks.{block}.upsamplers.0.conv",
                f"{published}output_blocks.{index - 1}.{place}.conv",
            )
    yield from _both(f"{ours}conv_norm_out", f"{published}out.0")
    yield from _both(f"{ours}conv_out", f"{published}out.2")


def _control(sizes: UnetSizes) -> Pairs:
    ours, published = "semantic_guided.control.", CONTROL
    yield from _encoder_half(sizes, ours, published)
    outputs = len(sizes.channels) * (sizes.res_blocks + 1)
    for output in range(outputs):
        yield from _both(
            f"{ours}controlnet_down_blocks.{output}", f"{published}zero_convs.{output}.0"
        )
    yield from _both(f"{ours}controlnet_mid_block", f"{published}middle_block_out.0")
    embedding, blocks = f"{ours}controlnet_cond_embedding", 2 * (len(HINT_CHANNELS) - 1)
    yield from _both(f"{embedding}.conv_in", f"{published}input_hint_block.0")
    for block in range(blocks):
        yield from _both(
            f"{embedding}.blocks.{block}", f"{published}input_hint_block.{2 * block + 2}"
        )
    yield from _both(f"{embedding}.conv_out", f"{published}input_hint_block.{2 * blocks + 2}")
    for source in range(SFF_LEVEL_OUTPUTS):
        for target in range(SFF_LEVEL_OUTPUTS):
            yield (
                f"semantic_guided.fusion.down.{source}.{target}.weight",
                f"{published}down{source + 1}{target + 1}.0.weight",
            )


def _autoencoder_resnet(ours: str, published: str, *, shortcut: bool) -> Pairs:
    for theirs, mine in _AUTOENCODER_RESNET.items():
        yield from _both(f"{ours}.{mine}", f"{published}.{theirs}")
    if shortcut:
        yield from _both(f"{ours}.conv_shortcut", f"{published}.nin_shortcut")


def _autoencoder_middle(ours: str, published: str) -> Pairs:
    yield from _autoencoder_resnet(f"{ours}.resnets.0", f"{published}.block_1", shortcut=False)
    attention, theirs = f"{ours}.attentions.0", f"{published}.attn_1"
    yield from _both(f"{attention}.group_norm", f"{theirs}.norm")
    for letter in "qkv":
        yield from _both(f"{attention}.to_{letter}", f"{theirs}.{letter}")
    yield from _both(f"{attention}.to_out.0", f"{theirs}.proj_out")
    yield from _autoencoder_resnet(f"{ours}.resnets.1", f"{published}.block_2", shortcut=False)


def _autoencoder(sizes: AutoencoderSizes) -> Pairs:
    for name in ("quant_conv", "post_quant_conv"):
        yield from _both(f"autoencoder.{name}", f"{AUTOENCODER}{name}")
    for half in ("encoder", "decoder"):
        ours, published = f"autoencoder.{half}", f"{AUTOENCODER}{half}"
        for ending in ("conv_in", "conv_out"):
            yield from _both(f"{ours}.{ending}", f"{published}.{ending}")
        yield from _both(f"{ours}.conv_norm_out", f"{published}.norm_out")
        yield from _autoencoder_middle(f"{ours}.mid_block", f"{published}.mid")
    yield from _autoencoder_encoder_levels(sizes)
    yield from _autoencoder_decoder_levels(sizes)


def _autoencoder_encoder_levels(sizes: AutoencoderSizes) -> Pairs:
    channels = sizes.channels[0]
    for level, width in enumerate(sizes.channels):
        ours, theirs = f"autoencoder.encoder.down_blocks.{level}", f"encoder.down.{level}"
        for block in range(sizes.res_blocks):
            yield from _autoencoder_resnet(
                f"{ours}.resnets.{block}",
                f"{AUTOENCODER}{theirs}.block.{block}",
                shortcut=channels != width,
            )
            channels = width
        if level < len(sizes.channels) - 1:
            yield from _both(
                f"{ours}.downsamplers.0.conv", f"{AUTOENCODER}{theirs}.downsample.conv"
            )


def _autoencoder_decoder_levels(sizes: AutoencoderSizes) -> Pairs:
    channels = sizes.channels[-1]
    for block, level in enumerate(reversed(range(len(sizes.channels)))):
        width = sizes.channels[level]
        ours, theirs = f"autoencoder.decoder.up_blocks.{block}", f"decoder.up.{level}"
        for resnet in range(sizes.res_blocks + 1):
            yield from _autoencoder_resnet(
                f"{ours}.resnets.{resnet}",
                f"{AUTOENCODER}{theirs}.block.{resnet}",
                shortcut=channels != width,
            )
            channels = width
        if level > 0:
            yield from _both(f"{ours}.upsamplers.0.conv", f"{AUTOENCODER}{theirs}.upsample.conv")
