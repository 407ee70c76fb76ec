"""The files used by the runtime's tests are those that `graphs.py` creates."""

import onnx

from diad_deploy.bundle.manifest import GRAPH_NAMES
from tests.standin import FOLDER
from tests.standin.graphs import make_graphs


def test_the_files_are_what_is_made_afresh() -> None:
    made = {model.graph.name: model for model in make_graphs()}
    assert {name: onnx.load(FOLDER / f"{name}.onnx") for name in GRAPH_NAMES} == made
