"""A headless Chromium for tests, which are skipped with instructions if there is none."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from demo.screenshot import chromium_arguments, find_chromium

MISSING = (
    "needs {what}: apt-get install chromium, and pip install playwright (which need not fetch a "
    "browser); DIAD_CHROMIUM names another program"
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One browser for all tests; `new_page()` opens a new page."""
    program = find_chromium()
    if program is None:
        missing("Chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright")
    with sync_playwright() as playwright:
        arguments = chromium_arguments()
        running = playwright.chromium.launch(executable_path=program, args=arguments)
        yield running
        running.close()


def missing(what: str) -> None:
    """Skip the test, or fail it if it is required to run."""
    reason = MISSING.format(what=what)
    if os.environ.get("DIAD_NEEDS_BROWSER"):
        pytest.fail(reason)
    pytest.skip(reason)
