"""Removes what an exported graph does not need: the exporter's notes, and repeated constants."""

import onnx_ir as ir
from onnx_ir.passes.common import ClearMetadataAndDocStringPass, DeduplicateInitializersPass

MAX_ELEMENTS = 16_384
"""Initializers with more elements are not compared: the pass keeps the bytes of all that it
compares in memory, and large weights do not repeat."""


def clean_up(model: ir.Model) -> None:
    """Change `model` in place; what it computes stays the same to the bit.

    Removed are metadata and documentation of the model, its nodes and values, which hold paths of
    the machine and are half of the file's size; and initializers with the type, shape and bits of
    another one.
    """
    ClearMetadataAndDocStringPass()(model)
    # the pass leaves the model's own and those of values
    model.metadata_props.clear()
    model.doc_string = None
    results = (value for node in model.graph for value in node.outputs)
    for value in (*model.graph.inputs, *model.graph.initializers.values(), *results):
        value.metadata_props.clear()
        value.doc_string = None
    DeduplicateInitializersPass(size_limit=MAX_ELEMENTS)(model)
