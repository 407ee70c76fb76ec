"""CUDA's libraries are loaded once, and nothing of that reaches standard output."""

import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

from diad_deploy.backends.onnxruntime.module import preload_cuda_libraries

PRELOADS = """
def preload_dlls():
    calls.append("preload")
    if "cufft" not in loaded:
        print("Failed to load libcufft.so.12:\\n", OSError("no such file"))
        print("Please follow the page.")
"""


@pytest.fixture
def preloading(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """An onnxruntime that prints what it misses, as the real one does.

    `elsewhere` holds the libraries that lie in another folder of packages.
    """
    module = ModuleType("onnxruntime")
    module.calls, module.loaded, module.elsewhere = [], set(), set()
    exec(PRELOADS, module.__dict__)

    def load(name: str) -> None:
        if name not in module.elsewhere:
            raise RuntimeError(f"{name} not found")
        module.loaded.add(name)

    pathfinder = ModuleType("cuda.pathfinder")
    pathfinder.load_nvidia_dynamic_lib = load
    monkeypatch.setitem(sys.modules, "onnxruntime", module)
    monkeypatch.setitem(sys.modules, "cuda.pathfinder", pathfinder)
    preload_cuda_libraries.cache_clear()
    yield module
    preload_cuda_libraries.cache_clear()


def test_what_is_missed_is_one_line_and_not_on_standard_output(
    preloading: ModuleType, capfd: pytest.CaptureFixture[str]
) -> None:
    missed = preload_cuda_libraries()
    assert missed == "Failed to load libcufft.so.12: no such file; Please follow the page."
    calls = len(preloading.calls)
    assert preload_cuda_libraries() == missed
    assert len(preloading.calls) == calls, "once a process"
    assert capfd.readouterr().out == ""
    preloading.preload_dlls()
    assert "libcufft" in capfd.readouterr().out, "its own print is back"


def test_libraries_in_another_folder_of_packages_are_found(preloading: ModuleType) -> None:
    preloading.elsewhere = {"cufft", "cudnn"}
    assert preload_cuda_libraries() == ""
    assert preloading.loaded == {"cufft", "cudnn"}


def test_the_real_one_prints_with_the_print_that_is_replaced() -> None:
    import onnxruntime

    preload = onnxruntime.preload_dlls
    assert "print" in preload.__code__.co_names
    assert "print" not in preload.__globals__
