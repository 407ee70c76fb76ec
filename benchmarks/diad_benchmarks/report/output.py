"""The folder of results: JSON, CSV, and a page that opens from the disk."""

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
    growing: Iterator[Results], destination: Path, *, force: bool, tell: Callable[[str], None]
) -> Results:
    """Write results as they grow, so that a run that is cut short at any time keeps them.

    The folder appears with the first of them, of which there has to be one; returns the last.

    Raises:
        OutputError: the folder is there already, or the file system refuses.
    """
    with AtomicFolder(destination, marker=RESULTS, force=force) as whole:
        last = next(growing)
        write_results(last, whole.folder)
        whole.commit()
    if last.unfinished is not None:
        tell(f"first results: {destination / PAGE}")
    for last in growing:
        write_results(last, destination)
    return last


def write_results(results: Results, folder: Path) -> None:
    """Write the three files; each is replaced whole, so that a reader never sees half of it.

    Raises:
        OutputError: the file system refuses.
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
                f"{path}: cannot be written: {error.strerror or error}; free the space or rights, "
                f"or take another folder with -o"
            ) from error
