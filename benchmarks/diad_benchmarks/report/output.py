"""Writes the results: JSON, CSV, and a self-contained page."""

from collections.abc import Callable, Iterator
from pathlib import Path

from diad_benchmarks.report.page import render_page
from diad_benchmarks.report.results import Results, to_csv, to_json
from diad_deploy.errors import OutputError
from diad_deploy.files.atomic_folder import AtomicFolder
from diad_deploy.report.folder import replace_file

RESULTS = "results.json"
TABLE = "results.csv"
PAGE = "index.html"


def keep_results(
    growing: Iterator[Results], destination: Path, *, force: bool, echo: Callable[[str], None]
) -> Results:
    """Write all results as they arrive, so that an interrupted run keeps them.

    The folder is created with the first results. Returns the last ones.

    Raises:
        OutputError: the folder exists already, or cannot be written.
    """
    with AtomicFolder(destination, marker=RESULTS, force=force) as whole:
        last = next(growing)
        write_results(last, whole.folder)
        whole.commit()
    if last.unfinished is not None:
        echo(f"first results: {destination / PAGE}")
    for last in growing:
        write_results(last, destination)
    return last


def write_results(results: Results, folder: Path) -> None:
    """Write the three files, each atomically.

    Raises:
        OutputError: a file cannot be written.
    """
    files = {
        RESULTS: to_json(results).encode(),
        TABLE: to_csv(results),
        PAGE: render_page(results).encode(),
    }
    for name, content in files.items():
        path = folder / name
        try:
            replace_file(path, content)
        except OSError as error:
            raise OutputError(
                f"{path}: cannot be written: {error.strerror or error}; free some space, change "
                f"the permissions, or choose another folder with -o"
            ) from error
