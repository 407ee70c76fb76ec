"""The first thing that `--device cuda` lacks is reported in one line, the driver first."""

import re
import sys
from collections.abc import Iterator
from importlib import metadata
from types import ModuleType

import pytest

from diad_deploy.backends.cuda.calls import Cuda, query_gpu
from diad_deploy.backends.cuda.driver import query_driver
from diad_deploy.backends.onnxruntime.gpu_check import check_gpu
from diad_deploy.backends.onnxruntime.module import preload_cuda_libraries
from diad_deploy.errors import BackendError
from tests.nvidia_driver import GIB, StandInDriver, use_driver

PACKAGES = {"cuda-bindings": "13.0.1", "onnxruntime-gpu": "1.31.1"}


def install(monkeypatch: pytest.MonkeyPatch, packages: dict[str, str]) -> None:
    """Make these the installed packages."""

    def version(name: str) -> str:
        if name not in packages:
            raise metadata.PackageNotFoundError(name)
        return packages[name]

    monkeypatch.setattr(metadata, "version", version)


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """onnxruntime-gpu for CUDA 13 with all its libraries, on a machine with one card."""
    module = ModuleType("onnxruntime")
    module.__version__, module.cuda_version = "1.31.1", "13.0"
    module.get_available_providers = lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    exec("missing = []\ndef preload_dlls():\n for line in missing: print(line)", module.__dict__)
    monkeypatch.setitem(sys.modules, "onnxruntime", module)
    monkeypatch.setitem(sys.modules, "cuda.pathfinder", None)
    install(monkeypatch, PACKAGES)
    use_driver(monkeypatch, StandInDriver())
    preload_cuda_libraries.cache_clear()
    yield module
    preload_cuda_libraries.cache_clear()


def complaint(needs_bytes: int = 0) -> str:
    with pytest.raises(BackendError) as caught:
        check_gpu(needs_bytes=needs_bytes)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_all_is_there(runtime: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    cards = (("NVIDIA L4", 8, 9), ("NVIDIA H100", 9, 0))
    use_driver(monkeypatch, StandInDriver(cuda=13010, cards=cards))
    driver = check_gpu(needs_bytes=20 * GIB)
    assert driver.cuda == (13, 1)
    assert [card.index for card in driver.cards] == [0, 1]
    assert driver.cards[1].name == "NVIDIA H100"
    assert driver.cards[1].compute_capability == (9, 0)
    assert driver.cards[1].free_bytes == 20 * GIB


@pytest.mark.parametrize(
    ("driver", "expected"),
    [
        (None, r"no NVIDIA driver found.*expected driver 580.*apt-get install nvidia-driver-580"),
        (StandInDriver(cuda=12080), r"too old: .*found one for CUDA 12\.8.*gpu-cuda12"),
        (StandInDriver(fails={"cuInit": 100}), r"CUDA_ERROR_NO_DEVICE.*nvidia-smi"),
        (StandInDriver(fails={"cuInit": 803}), r"error 803 from cuInit; check that `nvidia-smi`"),
        (
            StandInDriver(fails={"cuDevicePrimaryCtxRetain": 2}),
            r"OUT_OF_MEMORY.*other programs use",
        ),
        (StandInDriver(cards=(("GTX 1080", 6, 1),)), r"GTX 1080 is too old.*7\.5.*found 6\.1"),
        (StandInDriver(free_bytes=GIB), r"not enough memory: expected 4\.0 GiB free, found 1\.0"),
    ],
)
def test_driver_and_card(
    driver: StandInDriver | None,
    expected: str,
    runtime: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use_driver(monkeypatch, driver)
    message = complaint(needs_bytes=4 * GIB)
    assert re.search(expected, message), message


def test_libraries_for_cuda_12_run_on_its_drivers(
    runtime: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime.cuda_version = "12.8"
    install(monkeypatch, {"cuda-bindings": "12.9.2"})
    use_driver(monkeypatch, StandInDriver(cuda=12000))
    assert check_gpu().cuda == (12, 0)
    use_driver(monkeypatch, StandInDriver(cuda=11080))
    assert "expected driver 525 or newer for CUDA 12" in complaint()


def test_the_cpus_build(runtime: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime.get_available_providers = lambda: ["CPUExecutionProvider"]
    runtime.cuda_version = ""
    install(monkeypatch, {})
    assert "(the CPU build); pip uninstall -y onnxruntime" in complaint()
    install(monkeypatch, PACKAGES)
    assert "(the files of both" in complaint()


def test_bindings_and_libraries_of_another_cuda(
    runtime: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime.missing.append("Failed to load libcudnn.so.9: no such file")
    assert (
        'Failed to load libcudnn.so.9: no such file; pip install "diad_deploy[gpu]"' in complaint()
    )
    install(monkeypatch, {"cuda-bindings": "12.9.2"})
    assert "expected 13.x" in complaint()
    install(monkeypatch, {})
    assert "found none" in complaint()


def test_a_missing_driver_is_reported_before_a_missing_onnxruntime(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    use_driver(monkeypatch, None)
    assert "no NVIDIA driver" in complaint()
    use_driver(monkeypatch, StandInDriver())
    assert "ONNX Runtime cannot be imported" in complaint()


@pytest.mark.gpu
def test_the_real_driver_says_what_cuda_says() -> None:
    cuda = Cuda.load()
    gpu = query_gpu(cuda)
    card = query_driver(12).cards[0]
    assert card.name == gpu.name
    assert ".".join(map(str, card.compute_capability)) == gpu.compute_capability
    assert 0 < card.free_bytes <= card.memory_bytes
