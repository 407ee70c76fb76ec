"""The folder of results: JSON, CSV, and a page that opens from the disk."""

from pathlib import Path

from benchmarks.page import render_page
from benchmarks.results import Results, to_csv, to_json
from diad_deploy.errors import OutputError

RESULTS = "results.json"
TABLE = "results.csv"
PAGE = "index.html"


def write_results(results: Results, folder: Path) -> None:
    """Write the three files.

    Raises:
        OutputError: the file system refuses.
    """
    files = {RESULTS: to_json(results), TABLE: to_csv(results), PAGE: render_page(results)}
    for name, text in files.items():
        path = folder / name
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise OutputError(
                f"{path}: cannot be written: {error.strerror or error}; free the space or rights, "
                f"or take another folder with -o"
            ) from error
