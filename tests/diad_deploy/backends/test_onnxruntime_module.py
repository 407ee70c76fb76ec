"""CUDA's libraries are loaded once, and nothing of that reaches standard output."""

import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

from diad_deploy.backends.onnxruntime_module import prepare_cuda_libraries

PRELOADS = """
def preload_dlls():
    calls.append(1)
    print("Failed to load libcufft.so.12:\\n", OSError("no such file"))
    print("Please follow the page.")
"""


@pytest.fixture
def preloading(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """An onnxruntime that prints what it misses, as the real one does."""
    module = ModuleType("onnxruntime")
    module.calls = []
    exec(PRELOADS, module.__dict__)
    monkeypatch.setitem(sys.modules, "onnxruntime", module)
    prepare_cuda_libraries.cache_clear()
    yield module
    prepare_cuda_libraries.cache_clear()


def test_loaded_once_and_said_in_one_line(
    preloading: ModuleType, capfd: pytest.CaptureFixture[str]
) -> None:
    missed = prepare_cuda_libraries()
    assert missed == "Failed to load libcufft.so.12: no such file; Please follow the page."
    assert prepare_cuda_libraries() == missed
    assert preloading.calls == [1]
    assert capfd.readouterr().out == ""
    preloading.preload_dlls()
    assert "libcufft" in capfd.readouterr().out, "its own print is back"


def test_the_real_one_prints_with_the_print_that_is_replaced() -> None:
    import onnxruntime

    preload = onnxruntime.preload_dlls
    assert "print" in preload.__code__.co_names
    assert "print" not in preload.__globals__
