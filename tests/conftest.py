"""Configuration and fixtures for the tests of all packages."""

import os
import signal
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from diad_deploy.backends.tensorrt.runtime_cache import FOLDER_VARIABLE
from diad_deploy.bundle.folder import Bundle
from tests.standin import write_standin_bundle

# PyTorch's threads spin while they wait for one another: where other processes take the cores, six
# times the work; before torch is imported, and for what tests start
os.environ.setdefault("OMP_NUM_THREADS", "1")

# a shell that starts the tests in the background has them ignore Ctrl-C, and what they start, too
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = [
    "tests.browser",
    "tests.simulator.machine",
    "tests.real_cuda.card",
    "tests.real_cuda.subjects",
    "tests.windows_files",
]
LACKING = [name for name in ("diffusers", "filelock", "timm", "torch") if find_spec(name) is None]
"""Of what the export and the demo's training need; the GPU's other tests run without."""
if not LACKING:
    pytest_plugins.append("tests.trained")
if find_spec("hypothesis") is not None:
    pytest_plugins.append("tests.repeatable")

LONGEST_FILES = (
    "diad_export/test_build.py",
    "test_documents.py",
    "diad_export/engines/test_builtin_engines.py",
    "demo/test_train.py",
    "diad_export/onnx/test_savings.py",
    "diad_benchmarks/studies/test_savings.py",
    "diad_export/verify/test_stages.py",
    "diad_benchmarks/studies/test_ladder.py",
    "diad_export/model/test_reference.py",
    "demo/test_evaluate.py",
    "diad_export/onnx/test_winograd_bundle.py",
    "diad_benchmarks/test_benchmark.py",
    "diad_export/precision/test_float16_graph.py",
)
"""The slowest tests, which start first so that none of them runs alone at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    tests = Path(__file__).parent
    order = {tests / name: place for place, name in enumerate(LONGEST_FILES)}
    items.sort(key=lambda item: order.get(item.path, len(order)))


def pytest_report_header() -> list[str]:
    return [f"without {', '.join(LACKING)}: tests of the training are left out"] if LACKING else []


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With `-m gpu`, import only the files with such tests: a GPU machine may lack the others'."""
    if config.getoption("markexpr") != "gpu" or collection_path.suffix != ".py":
        return None
    if LACKING and collection_path.parent.name == "demo":
        return True
    return "mark.gpu" not in collection_path.read_text() or None


def pytest_itemcollected(item: pytest.Item) -> None:
    """Skip every test marked `gpu` if there is no GPU, even if it does not use `card`."""
    if isinstance(item, pytest.Function) and item.get_closest_marker("gpu"):
        item.fixturenames.insert(0, "card")


@pytest.fixture(scope="session", autouse=True)
def _no_cache_of_the_users(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep compiled kernels out of the user's home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER_VARIABLE, str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def standin_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A small valid bundle with known graphs; not to be changed."""
    return write_standin_bundle(tmp_path_factory.mktemp("standin") / "bundle")


@pytest.fixture
def own_bundle(tmp_path: Path) -> Bundle:
    """A copy of it that the test may change."""
    return write_standin_bundle(tmp_path / "bundle")
