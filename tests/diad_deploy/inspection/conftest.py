"""Images for the tests of an inspection."""

from pathlib import Path

import pytest

from tests.diad_deploy.fake_detector import write_images


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """Thirty images, three of which cannot be read."""
    paths = write_images(tmp_path / "parts", 30)
    for place in (0, 13, 29):
        paths[place].write_bytes(b"")
    return tmp_path / "parts"
