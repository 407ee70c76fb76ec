"""A small valid bundle with simple graphs, whose results can be computed by hand.

With image side S and latents S/8: the encoder averages the image down to latents and hint, the
denoiser mixes latents and hint, the decoder repeats cells, the scorer takes absolute differences.

The graphs are stored here as files, so that the runtime can be tested without `onnx`; `graphs.py`
creates them.
"""

import shutil
from pathlib import Path

import numpy as np

from diad_deploy.bundle.folder import Bundle, BundleWriter
from diad_deploy.bundle.manifest import (
    FORMAT_REVISION,
    GRAPH_NAMES,
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

FOLDER = Path(__file__).parent
CHANNELS = 4
FACTOR = 8
SIZE_PX = 32
NOISE_SHARE = 0.25
Shape = tuple[int | str, ...]

_IMAGE: Shape = ("batch", 3, SIZE_PX, SIZE_PX)
_LATENTS: Shape = ("batch", CHANNELS, SIZE_PX // FACTOR, SIZE_PX // FACTOR)
_ONE: Shape = (1,)

INPUTS: dict[str, dict[str, Shape]] = {
    "encoder": {"image": _IMAGE, "noise": _LATENTS, "posterior_noise": _LATENTS},
    "denoiser": {
        "latents": _LATENTS,
        "hint": _LATENTS,
        "timestep": _ONE,
        "latents_scale": _ONE,
        "noise_scale": _ONE,
    },
    "decoder": {"latents": _LATENTS},
    "scorer": {"image": _IMAGE, "reconstruction": _IMAGE},
}
OUTPUTS: dict[str, dict[str, Shape]] = {
    "encoder": {"latents": _LATENTS, "hint": _LATENTS},
    "denoiser": {"next_latents": _LATENTS},
    "decoder": {"reconstruction": _IMAGE},
    "scorer": {"anomaly_map": ("batch", SIZE_PX, SIZE_PX), "image_score": ("batch",)},
}


def write_standin_bundle(destination: Path, *, steps: int = 2, force: bool = False) -> Bundle:
    """Write the bundle; its noise is seeded."""
    with BundleWriter(destination, force=force) as writer:
        for name in GRAPH_NAMES:
            shutil.copy(FOLDER / f"{name}.onnx", writer.folder)
        rng = np.random.default_rng(0)
        shape = (CHANNELS, SIZE_PX // FACTOR, SIZE_PX // FACTOR)
        np.save(writer.folder / "noise.npy", rng.normal(size=shape).astype(np.float32))
        np.save(writer.folder / "posterior_noise.npy", np.zeros(shape, dtype=np.float32))
        return writer.finish(_manifest(steps))


def _graph(name: str) -> GraphSpec:
    return GraphSpec(
        name=name,
        file=f"{name}.onnx",
        inputs=_tensors(INPUTS[name]),
        outputs=_tensors(OUTPUTS[name]),
        precision="float32",
        stored_weights="float32",
        parameters=0,
    )


def _tensors(shapes: dict[str, Shape]) -> tuple[TensorSpec, ...]:
    return tuple(TensorSpec(name=n, dtype="float32", shape=s) for n, s in shapes.items())


def _manifest(steps: int) -> Manifest:
    return Manifest(
        format_revision=FORMAT_REVISION,
        checkpoint=CheckpointOrigin(name="standin", sha256="0" * 64, size_bytes=1),
        image=ImageSpec(size_px=SIZE_PX, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
        latents=LatentsSpec(channels=CHANNELS, factor=FACTOR, scale=1.0),
        schedule=make_schedule(steps),
        noise=NoiseSpec(
            seed=0,
            posterior="mode",
            noise_file="noise.npy",
            posterior_noise_file="posterior_noise.npy",
        ),
        fusion=FusionSpec(
            layers=(FusionLayer(name="pixels", channels=3, side=SIZE_PX),),
            sigma_px=1.0,
            truncate_sigmas=4.0,
            pool_size_px=1,
            pool_count=0,
        ),
        heatmap=HeatmapSpec(low=0.0, high=3.0),
        only_mid_control=True,
        graphs=tuple(map(_graph, GRAPH_NAMES)),
        files=(),
        parity=(),
    )
