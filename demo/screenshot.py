"""`python -m demo.screenshot`: takes the screenshot of a report for the documentation."""

import io
import os
import shutil
import tempfile
from pathlib import Path

import click
from PIL import Image

from diad_deploy.bundle.folder import builtin_bundle, builtin_images
from diad_deploy.cli.console import run_command
from diad_deploy.errors import InputError
from diad_deploy.inspection.run import InspectionConfig, inspect_images

DOCUMENTS_IMAGE = Path(__file__).parents[1] / "docs" / "report.png"
THRESHOLD = 0.25
WIDTH_PX, HEIGHT_PX = 1160, 1300
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def find_chromium() -> str | None:
    """The Chromium that `DIAD_CHROMIUM` names, or the first on the path, if any."""
    given = os.environ.get("DIAD_CHROMIUM")
    return given or next(filter(None, map(shutil.which, PROGRAMS)), None)


def chromium_arguments() -> list[str]:
    """Command-line arguments for a headless Chromium."""
    # its sandbox does not start for root
    return ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []


def take_screenshot(page: Path, target: Path) -> None:
    """Open a local page in Chromium and write a screenshot of its window.

    Raises:
        InputError: Chromium is not installed.
    """
    from playwright.sync_api import sync_playwright

    program = find_chromium()
    if program is None:
        raise InputError(
            f"no Chromium: expected one of {', '.join(PROGRAMS)} on the path; install it "
            f"(apt-get install chromium), or name one in DIAD_CHROMIUM"
        )
    size = {"width": WIDTH_PX, "height": HEIGHT_PX}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=chromium_arguments())
        opened = browser.new_page(viewport=size, color_scheme="light")
        opened.goto(page.resolve().as_uri())
        content = opened.screenshot()
        browser.close()
    with Image.open(io.BytesIO(content)) as image:
        image.convert("RGB").save(target, optimize=True)


@click.command()
def command() -> None:
    """Inspect the built-in images with the built-in bundle and take a screenshot of the report.

    Example: python -m demo.screenshot
    """
    with tempfile.TemporaryDirectory() as work:
        config = InspectionConfig(
            paths=(builtin_images(),),
            bundle=builtin_bundle(),
            output=Path(work, "report"),
            bundle_name="built-in",
            threshold=THRESHOLD,
        )
        summary = inspect_images(config)
        take_screenshot(Path(summary.report), DOCUMENTS_IMAGE)
    click.echo(f"wrote {DOCUMENTS_IMAGE}")


if __name__ == "__main__":
    run_command(command)
