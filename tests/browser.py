"""A headless Chromium for tests; where there is none, the tests are skipped and say what to do."""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
MISSING = (
    "needs {what}: apt-get install chromium, and pip install playwright (which need not fetch a "
    "browser); DIAD_CHROMIUM names another program"
)


def find_chromium() -> str | None:
    """The program to run, or None."""
    given = os.environ.get("DIAD_CHROMIUM")
    return given or next(filter(None, map(shutil.which, PROGRAMS)), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One browser for all tests; `new_page()` gives a page of its own."""
    program = find_chromium()
    if program is None:
        _missing("Chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _missing("playwright")
    # Chromium's sandbox does not start for root
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=arguments)
        yield running
        running.close()


def _missing(what: str) -> None:
    reason = MISSING.format(what=what)
    if os.environ.get("DIAD_NEEDS_BROWSER"):
        pytest.fail(reason)
    pytest.skip(reason)
