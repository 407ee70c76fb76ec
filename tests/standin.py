"""A small valid bundle whose graphs do something simple, so that numbers can be told by hand.

With image side S and latents S/8: the encoder averages the image down to latents and hint, the
denoiser mixes latents and hint, the decoder repeats cells, the scorer takes absolute differences.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from diad_deploy.bundle.folder import Bundle, BundleWriter
from diad_deploy.bundle.manifest import (
    FORMAT_REVISION,
    CheckpointOrigin,
    FusionLayer,
    FusionSpec,
    GraphSpec,
    HeatmapSpec,
    ImageSpec,
    LatentsSpec,
    Manifest,
    NoiseSpec,
    TensorSpec,
)
from diad_deploy.diffusion.schedule import make_schedule

CHANNELS = 4
FACTOR = 8
NOISE_SHARE = 0.25
Shape = tuple[int | str, ...]


def write_standin_bundle(
    destination: Path, *, size_px: int = 32, steps: int = 2, force: bool = False
) -> Bundle:
    """Write the bundle; its noise is seeded."""
    with BundleWriter(destination, force=force) as writer:
        graphs = tuple(_write(writer.folder, model) for model in make_graphs(size_px))
        side = size_px // FACTOR
        rng = np.random.default_rng(0)
        shape = (CHANNELS, side, side)
        np.save(writer.folder / "noise.npy", rng.normal(size=shape).astype(np.float32))
        np.save(writer.folder / "posterior_noise.npy", np.zeros(shape, dtype=np.float32))
        return writer.finish(_manifest(graphs, size_px, steps))


def make_graphs(size_px: int) -> list[onnx.ModelProto]:
    """The four graphs, in the order in which they run."""
    side = size_px // FACTOR
    image: Shape = ("batch", 3, size_px, size_px)
    latents: Shape = ("batch", CHANNELS, side, side)
    one: Shape = (1,)
    pool = {"kernel_shape": [FACTOR, FACTOR], "strides": [FACTOR, FACTOR]}
    encoder = [
        helper.make_node("AveragePool", ["image"], ["small"], **pool),
        helper.make_node("Conv", ["small", "spread"], ["hint"]),
        helper.make_node("Mul", ["noise", "share"], ["scaled"]),
        helper.make_node("Add", ["hint", "scaled"], ["noised"]),
        helper.make_node("Mul", ["posterior_noise", "share"], ["posterior"]),
        helper.make_node("Add", ["noised", "posterior"], ["latents"]),
    ]
    denoiser = [
        helper.make_node("Sub", ["latents", "hint"], ["predicted"]),
        helper.make_node("Mul", ["latents", "latents_scale"], ["kept"]),
        helper.make_node("Mul", ["predicted", "noise_scale"], ["taken"]),
        helper.make_node("Mul", ["timestep", "zero"], ["nothing"]),
        helper.make_node("Add", ["kept", "taken"], ["sum"]),
        helper.make_node("Add", ["sum", "nothing"], ["next_latents"]),
    ]
    decoder = [
        helper.make_node("Conv", ["latents", "gather"], ["small"]),
        helper.make_node("Resize", ["small", "", "scales"], ["reconstruction"], mode="nearest"),
    ]
    scorer = [
        helper.make_node("Sub", ["image", "reconstruction"], ["difference"]),
        helper.make_node("Abs", ["difference"], ["absolute"]),
        helper.make_node("ReduceMean", ["absolute", "channel_axis"], ["anomaly_map"], keepdims=0),
        helper.make_node("ReduceMax", ["anomaly_map", "map_axes"], ["image_score"], keepdims=0),
    ]
    spread = np.zeros((CHANNELS, 3, 1, 1), dtype=np.float32)
    spread[[0, 1, 2], [0, 1, 2]] = 1.0
    gather = np.ascontiguousarray(spread.transpose(1, 0, 2, 3))
    return [
        _graph(
            "encoder",
            encoder,
            {"image": image, "noise": latents, "posterior_noise": latents},
            {"latents": latents, "hint": latents},
            {"spread": spread, "share": np.float32([NOISE_SHARE])},
        ),
        _graph(
            "denoiser",
            denoiser,
            {
                "latents": latents,
                "hint": latents,
                "timestep": one,
                "latents_scale": one,
                "noise_scale": one,
            },
            {"next_latents": latents},
            {"zero": np.float32([0.0])},
        ),
        _graph(
            "decoder",
            decoder,
            {"latents": latents},
            {"reconstruction": image},
            {"gather": gather, "scales": np.float32([1, 1, FACTOR, FACTOR])},
        ),
        _graph(
            "scorer",
            scorer,
            {"image": image, "reconstruction": image},
            {"anomaly_map": ("batch", size_px, size_px), "image_score": ("batch",)},
            {"channel_axis": np.int64([1]), "map_axes": np.int64([1, 2])},
        ),
    ]


def _graph(
    name: str,
    nodes: list[onnx.NodeProto],
    inputs: dict[str, Shape],
    outputs: dict[str, Shape],
    constants: dict[str, np.ndarray],
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs.items()],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs.items()],
        [numpy_helper.from_array(value, key) for key, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    return model


def _write(folder: Path, model: onnx.ModelProto) -> GraphSpec:
    name = model.graph.name
    onnx.save(model, folder / f"{name}.onnx")
    return GraphSpec(
        name=name,
        file=f"{name}.onnx",
        inputs=tuple(_spec(value) for value in model.graph.input),
        outputs=tuple(_spec(value) for value in model.graph.output),
        precision="float32",
        stored_weights="float32",
        parameters=0,
    )


def _spec(value: onnx.ValueInfoProto) -> TensorSpec:
    shape = tuple(d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim)
    return TensorSpec(name=value.name, dtype="float32", shape=shape)


def _manifest(graphs: tuple[GraphSpec, ...], size_px: int, steps: int) -> Manifest:
    return Manifest(
        format_revision=FORMAT_REVISION,
        checkpoint=CheckpointOrigin(name="standin", sha256="0" * 64, size_bytes=1),
        image=ImageSpec(size_px=size_px, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
        latents=LatentsSpec(channels=CHANNELS, factor=FACTOR, scale=1.0),
        schedule=make_schedule(steps),
        noise=NoiseSpec(
            seed=0,
            posterior="mode",
            noise_file="noise.npy",
            posterior_noise_file="posterior_noise.npy",
        ),
        fusion=FusionSpec(
            layers=(FusionLayer(name="pixels", channels=3, side=size_px),),
            sigma_px=1.0,
            truncate_sigmas=4.0,
            pool_size_px=1,
            pool_count=0,
        ),
        heatmap=HeatmapSpec(low=0.0, high=3.0),
        only_mid_control=True,
        graphs=graphs,
        files=(),
        parity=(),
    )
