"""Prints as Markdown which versions of onnxruntime-gpu run which graphs entirely on CUDA.

python -m tests.partition 1.23.2 1.26.0 1.31.1
"""

import sys
import tempfile
from pathlib import Path

import click

from diad_deploy.bundle.manifest import GRAPH_NAMES
from tests.partition.graphs import FORMS, graph_files
from tests.partition.onnxruntime_gpu import Partition, install


def cell(found: Partition) -> str:
    """The table's cell for one graph."""
    if found.fixed or found.free:
        return f"**refused** ({found.fixed or found.free})"
    return "whole" if found.shape_nodes is None else f"whole, {found.shape_nodes}"


def print_table(versions: list[str], folder: Path) -> None:
    """A row per version and form; the number is of shape nodes on the CPU with a free batch."""
    forms = {}
    for place, (form, make) in enumerate(FORMS.items()):
        own = folder / f"form-{place}"
        own.mkdir()
        forms[form] = graph_files(make(own))
    click.echo(f"| onnxruntime-gpu | graphs | {' | '.join(GRAPH_NAMES)} |")
    click.echo("|---" * (len(GRAPH_NAMES) + 2) + "|")
    for version in versions:
        runtime = install(f"onnxruntime-gpu=={version}", folder / version)
        for form, files in forms.items():
            cells = [cell(runtime.partition(files[name])) for name in GRAPH_NAMES]
            click.echo(f"| {runtime.version} | {form} | {' | '.join(cells)} |")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        print_table(sys.argv[1:], Path(scratch))
