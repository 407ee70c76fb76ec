"""What tests of both packages share."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from diad_deploy.backends.runtime_cache import FOLDER_VARIABLE
from diad_deploy.bundle import Bundle
from tests.standin import write_standin_bundle

# a shell that starts the tests in the background has them ignore Ctrl-C, and what they start, too
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["tests.browser", "tests.trained", "tests.simulator.machine"]


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
