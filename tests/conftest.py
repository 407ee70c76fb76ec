"""What tests of all packages share."""

import signal
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from diad_deploy.backends.runtime_cache import FOLDER_VARIABLE
from diad_deploy.bundle import Bundle
from tests.standin import write_standin_bundle

# a shell that starts the tests in the background has them ignore Ctrl-C, and what they start, too
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = [
    "tests.browser",
    "tests.simulator.machine",
    "tests.real_cuda.card",
    "tests.real_cuda.subjects",
]
# the GPU's tests run without what the export needs
if all(map(find_spec, ("diffusers", "filelock", "timm", "torch"))):
    pytest_plugins.append("tests.trained")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With `-m gpu`, import only the files with such tests: a GPU machine may lack the others'."""
    if config.getoption("markexpr") != "gpu" or collection_path.suffix != ".py":
        return None
    return "mark.gpu" not in collection_path.read_text() or None


@pytest.fixture(scope="session", autouse=True)
def _no_cache_of_the_users(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What tests compile is not left in the home of who runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER_VARIABLE, str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def standin_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A small valid bundle with known graphs; not to be changed."""
    return write_standin_bundle(tmp_path_factory.mktemp("standin") / "bundle")


@pytest.fixture
def own_bundle(tmp_path: Path) -> Bundle:
    """The same, to be damaged."""
    return write_standin_bundle(tmp_path / "bundle")
