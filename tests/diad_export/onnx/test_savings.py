"""The denoiser's graph compared with a complete one: the same latents, less work."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from torch import Tensor, nn

from diad_deploy.bundle.folder import Bundle
from diad_deploy.bundle.manifest import TensorSpec
from diad_export.checkpoint.read import read_checkpoint
from diad_export.checkpoint.weights import load_model
from diad_export.model.diad import DiadModel
from diad_export.onnx.components import BATCH, Component
from diad_export.onnx.export import write_graph
from diad_export.onnx.work import GraphWork, count_work
from tests.golden_case import relative_error

SIDE_PX, CHANNELS = 32, 4
LATENTS = (BATCH, CHANNELS, SIDE_PX // 8, SIDE_PX // 8)


class PublishedStep(nn.Module):
    """A step as published: guidance of two equal sides, with hint and control for both."""

    def __init__(self, model: DiadModel) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        latents: Tensor,
        image: Tensor,
        timestep: Tensor,
        latents_scale: Tensor,
        noise_scale: Tensor,
    ) -> Tensor:
        def predict() -> Tensor:
            hint = self.model.semantic_guided.hint_features(image)
            control = self.model.control_outputs(latents, hint, timestep)
            return self.model.predict_noise(latents, timestep, control, only_mid_control=True)

        with_prompt, without = predict(), predict()
        noise = without + 9.0 * (with_prompt - without)
        return latents_scale * latents + noise_scale * noise


@pytest.fixture(scope="module")
def published_graph(small_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    shapes: dict[str, tuple[int | str, ...]] = {
        "latents": LATENTS,
        "image": (BATCH, 3, SIDE_PX, SIDE_PX),
        "timestep": (1,),
        "latents_scale": (1,),
        "noise_scale": (1,),
    }
    component = Component(
        name="published",
        module=PublishedStep(load_model(read_checkpoint(small_checkpoint))),
        inputs=tuple(
            TensorSpec(name=name, dtype="float32", shape=shape) for name, shape in shapes.items()
        ),
        outputs=(TensorSpec(name="next_latents", dtype="float32", shape=LATENTS),),
    )
    return write_graph(component, tmp_path_factory.mktemp("published")).path


@pytest.fixture(scope="module")
def saved_graph(small_bundle: Bundle) -> Path:
    return small_bundle.file(small_bundle.manifest.graph("denoiser").file)


def run(path: Path, **inputs: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    values = {name: np.asarray(value, dtype=np.float32) for name, value in inputs.items()}
    return session.run(None, values)[0]


@pytest.mark.parametrize("timestep", [1.0, 501.0, 901.0])
def test_the_same_latents(
    published_graph: Path, saved_graph: Path, small_bundle: Bundle, timestep: float
) -> None:
    rng = np.random.default_rng(0)
    latents = rng.standard_normal((2, CHANNELS, SIDE_PX // 8, SIDE_PX // 8))
    image = rng.standard_normal((2, 3, SIDE_PX, SIDE_PX))
    encoder = small_bundle.file(small_bundle.manifest.graph("encoder").file)
    session = onnxruntime.InferenceSession(encoder, providers=["CPUExecutionProvider"])
    noise = np.zeros(latents.shape, dtype=np.float32)
    (hint,) = session.run(
        ["hint"], {"image": image.astype("f"), "noise": noise, "posterior_noise": noise}
    )
    scalars = {"timestep": [timestep], "latents_scale": [1.1], "noise_scale": [-0.3]}
    published = run(published_graph, latents=latents, image=image, **scalars)
    saved = run(saved_graph, latents=latents, hint=hint, **scalars)
    assert relative_error(saved, published) < 1e-5


def test_there_is_less_work(published_graph: Path, saved_graph: Path) -> None:
    published, saved = count_work(published_graph), count_work(saved_graph)
    assert operators(saved) < 0.5 * operators(published)
    assert saved.initialisers < published.initialisers
    assert saved.constants < published.constants
    assert saved.multiply_adds < 0.5 * published.multiply_adds
    # the exporter already merges what both sides of guidance share
    assert saved.operators["Conv"] < 0.6 * published.operators["Conv"]


def operators(work: GraphWork) -> int:
    """All operators but the casts of weights stored as float16."""
    return sum(count for name, count in work.operators.items() if name != "Cast")
