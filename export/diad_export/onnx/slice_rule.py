"""A shortcut for one of the exporter's rewrite rules, whose time grows with a graph's square."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import onnx_ir as ir

try:
    from onnxscript.rewriter.rules.common import slice_split_rule
except ImportError:  # another version of onnxscript, which may not have this rule
    slice_split_rule = None


@contextmanager
def quick_slice_rule() -> Iterator[None]:
    """Try the rule that merges two Slices into a Split on Slice nodes only.

    onnxscript lists all nodes of the graph for each node that it tries this rule on, whatever the
    node's operator, and then finds that the node is not a Slice. The graph stays the same.
    """
    if slice_split_rule is None:
        yield
        return
    rewrite = slice_split_rule.try_rewrite

    def try_rewrite(model: ir.Model, graph: Any, node: ir.Node, **options: Any) -> Any:
        return rewrite(model, graph, node, **options) if node.op_type == "Slice" else None

    slice_split_rule.try_rewrite = try_rewrite
    try:
        yield
    finally:
        del slice_split_rule.try_rewrite
