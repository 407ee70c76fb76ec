"""The subjects of the GPU tests: each backend with each bundle that it can run here."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diad_deploy import Detection, Detector
from diad_deploy.backends.tensorrt.api import MODULES
from diad_deploy.bundle.engine_spec import Target
from diad_deploy.bundle.folder import Bundle, builtin_bundle, builtin_images
from diad_deploy.images.discover import find_images
from diad_deploy.images.inputs import decode
from tests.diad_deploy.detector.test_detector import make_images
from tests.engines_on_gpu import build_engines
from tests.real_cuda.card import Card
from tests.real_cuda.device import RealGpu
from tests.real_cuda.kernels import compiled
from tests.simulator.engines import with_engines
from tests.simulator.tensorrt import SimulatedTensorRt

TARGETS: dict[str, Target] = {"tensorrt": "tensorrt", "tensorrt-rtx": "tensorrt-rtx"}
LARGEST = 4
"""Largest batch of the engines' profiles, and of the tests unless they choose another."""
SUBJECTS = (
    "onnxruntime",
    "onnxruntime-demo",
    "standin-tensorrt",
    "standin-tensorrt-rtx",
    "tensorrt",
    "tensorrt-demo",
    "tensorrt-rtx",
    "tensorrt-rtx-demo",
)
"""A backend, on the stand-in bundle or the demo's; `standin` libraries run on real CUDA."""
WITHOUT_DEMO = [name for name in SUBJECTS if not name.endswith("-demo")]
"""For tests that a real model would only slow down: its detectors take seconds to open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A bundle and the backend that runs it.

    Attributes:
        modules: libraries that are replaced while a detector opens.
        tolerance: permitted difference from the CPU's scores, as a share of the score.
        images: images that suit the model.
        on_cpu: ONNX Runtime's detections of them on the CPU.
    """

    name: str
    bundle: Bundle
    backend: str
    modules: dict[str, Any]
    tolerance: float
    images: list[np.ndarray]
    on_cpu: list[Detection]

    def open(self, *, batch_size: int = LARGEST, device: str = "cuda") -> Detector:
        """A detector on the GPU."""
        with pytest.MonkeyPatch.context() as patch:
            for name, module in self.modules.items():
                patch.setitem(sys.modules, name, module)
            return Detector.open(
                self.bundle, backend=self.backend, device=device, batch_size=batch_size
            )

    def check(self, found: list[Detection], places: list[int]) -> None:
        """Check detections of the images at `places` against the CPU's."""
        assert len(found) == len(places)
        for detection, expected in zip(found, (self.on_cpu[at] for at in places), strict=True):
            assert detection.score == pytest.approx(expected.score, rel=self.tolerance)
            for name in ("anomaly_map", "reconstruction"):
                theirs, ours = getattr(expected, name), getattr(detection, name)
                np.testing.assert_allclose(ours, theirs, atol=self.tolerance * np.ptp(theirs))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """The detections of a bundle on the CPU."""

    bundle: Bundle
    images: list[np.ndarray]
    on_cpu: list[Detection]


@pytest.fixture(scope="session")
def cases(standin_bundle: Bundle) -> Callable[[str], _Case]:
    """The two bundles, `standin` and `demo`, run on the CPU on first use."""

    @cache
    def case(name: str) -> _Case:
        if name == "standin":
            bundle, images = standin_bundle, make_images(2 * LARGEST + 1)
        else:
            files = find_images([builtin_images()])[: 2 * LARGEST + 1]
            bundle, images = Bundle.open(builtin_bundle()), [decode(file.path) for file in files]
        with Detector.open(bundle, backend="onnxruntime", device="cpu") as detector:
            return _Case(bundle=bundle, images=images, on_cpu=detector.detect(images))

    return case


@pytest.fixture(scope="session")
def engines(
    card: Card, cases: Callable[[str], _Case], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, Target], Bundle]:
    """The bundle with engines from the project's own builder, built once per session."""

    @cache
    def built(name: str, target: Target) -> Bundle:
        folder = tmp_path_factory.mktemp("engines") / "bundle"
        return build_engines(cases(name).bundle, folder, target, largest=LARGEST)

    return built


@pytest.fixture(scope="session", params=SUBJECTS)
def subject(
    request: pytest.FixtureRequest,
    card: Card,
    cases: Callable[[str], _Case],
    engines: Callable[[str, Target], Bundle],
    tmp_path_factory: pytest.TempPathFactory,
) -> Subject:
    """Each backend on this GPU with each bundle that it can run."""
    name: str = request.param
    backend = name.removeprefix("standin-").removesuffix("-demo")
    case_name = "demo" if name.endswith("-demo") else "standin"
    modules: dict[str, Any] = {}
    if backend == "onnxruntime":
        _skip_without_provider()
        bundle, tolerance = cases(case_name).bundle, 1e-4
    elif name.startswith("standin-"):
        folder = tmp_path_factory.mktemp("standin-engines")
        bundle, modules = _stand_in(cases(case_name).bundle, folder, TARGETS[backend], card)
        tolerance = 1e-5
    else:
        pytest.importorskip(MODULES[TARGETS[backend]], exc_type=ImportError)
        # TensorRT uses TF32 for float32 by default
        bundle, tolerance = engines(case_name, TARGETS[backend]), 2e-2
    case = cases(case_name)
    return Subject(
        name=name,
        bundle=bundle,
        backend=backend,
        modules=modules,
        tolerance=tolerance,
        images=case.images,
        on_cpu=case.on_cpu,
    )


def _skip_without_provider() -> None:
    runtime = pytest.importorskip("onnxruntime", exc_type=ImportError)
    available = runtime.get_available_providers()
    if "CUDAExecutionProvider" not in available:
        pytest.skip(f"needs onnxruntime-gpu: this onnxruntime has {', '.join(available)}")


def _skip_without_compiler(card: Card) -> None:
    try:
        compiled(f"sm_{card.compute_capability.replace('.', '')}")
    except RuntimeError as error:  # the bindings' own, where they find no library
        pytest.skip(f"needs NVRTC, CUDA's compiler for kernels: {error}")


def _stand_in(
    bundle: Bundle, folder: Path, target: Target, card: Card
) -> tuple[Bundle, dict[str, Any]]:
    """The bundle with engines for the stand-in for TensorRT, and the stand-in by module name."""
    _skip_without_compiler(card)
    module = SimulatedTensorRt(RealGpu(), rtx=target == "tensorrt-rtx")
    made = with_engines(
        bundle,
        folder / "bundle",
        target,
        largest=LARGEST,
        change=lambda spec: replace(spec, compute_capabilities=(card.compute_capability,)),
    )
    return made, {MODULES[target]: module}
