"""Images of a page."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from demo.screenshot import DOCUMENTS_IMAGE, HEIGHT_PX, WIDTH_PX, find_chromium, take_screenshot
from diad_deploy.errors import InputError
from tests.browser import missing

TAKE = """
import sys
from pathlib import Path
from demo.screenshot import take_screenshot
take_screenshot(Path(sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.mark.browser
def test_an_image_shows_the_page(tmp_path: Path) -> None:
    if find_chromium() is None:
        missing("Chromium")
    page, file = tmp_path / "page.html", tmp_path / "page.png"
    page.write_text("<body style='margin: 0; background: #204080'>")
    # in a process of its own: one process holds one of the library's loops
    subprocess.run(
        [sys.executable, "-c", TAKE, str(page), str(file)],
        cwd=Path(__file__).parents[2],
        check=True,
    )
    with Image.open(file) as image:
        assert image.size == (WIDTH_PX, HEIGHT_PX)
        assert image.convert("RGB").getpixel((5, 5)) == (0x20, 0x40, 0x80)


def test_a_missing_browser_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("playwright")
    monkeypatch.delenv("DIAD_CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match="no Chromium: expected one of chromium"):
        take_screenshot(tmp_path / "page.html", tmp_path / "page.png")


def test_the_documents_image_is_small() -> None:
    with Image.open(DOCUMENTS_IMAGE) as image:
        assert image.size == (WIDTH_PX, HEIGHT_PX)
    assert DOCUMENTS_IMAGE.stat().st_size < 400_000
