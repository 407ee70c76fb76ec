"""A cache of traced models: tracing takes nearly all the time of building a small model.

A trace is looked up by everything that it depends on: the module with its weights and settings, the
sources of the packages, and the version of every package that is installed. The rest of a build is
repeated each time.
"""

import hashlib
import importlib.metadata
import io
import pickle
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import onnx_ir as ir
import pytest
import torch
from filelock import FileLock

from diad_export.onnx import export
from diad_export.onnx.components import Component
from diad_export.precision import float16_graph

ROOT = Path(__file__).parents[1]
SOURCES = (ROOT / "export" / "diad_export", ROOT / "diad_deploy")
_trace = export.trace


def traces_folder(cache: Path) -> Path:
    """The folder in `cache` for traces by this code; traces by any other code are removed."""
    hashed = hashlib.sha256(sys.version.encode())
    for path in sorted(path for source in SOURCES for path in source.rglob("*.py")):
        hashed.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    packages = importlib.metadata.distributions()
    hashed.update("\n".join(sorted(f"{each.name} {each.version}" for each in packages)).encode())
    folder = cache / hashed.hexdigest()[:16]
    with FileLock(cache / "lock"):
        for other in cache.iterdir():
            if other.is_dir() and other != folder:
                shutil.rmtree(other)
        folder.mkdir(exist_ok=True)
    return folder


@contextmanager
def kept_traces(folder: Path) -> Iterator[None]:
    """Make builds read traces from `folder`, and add missing ones to it."""

    def trace(component: Component) -> ir.Model:
        path = folder / f"{component.name}-{fingerprint(component)}.onnx"
        with FileLock(f"{path}.lock"):
            if not path.exists():
                _save(_trace(component), path)
        return _load(path)

    with pytest.MonkeyPatch.context() as patch:
        for module in (export, float16_graph):
            patch.setattr(module, "trace", trace)
        yield


def fingerprint(component: Component) -> str:
    """Equal for equal components; the code of a module is not included."""
    pickled = io.BytesIO()
    _Pickler(pickled).dump(component)
    return hashlib.sha256(pickled.getvalue()).hexdigest()[:16]


class _Pickler(pickle.Pickler):
    """Pickles only values: neither addresses, nor object identity, nor the order of sets."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.fast = True

    def reducer_override(self, held: Any) -> Any:
        if isinstance(held, torch.Tensor):
            values = hashlib.sha256(held.detach().contiguous().numpy().tobytes()).hexdigest()
            return tuple, ((str(held.dtype), tuple(held.shape), values),)
        if isinstance(held, torch.nn.Module):
            state = {name: _in_order(value) for name, value in vars(held).items()}
            return object.__new__, (type(held),), state
        return NotImplemented


def _in_order(value: Any) -> Any:
    """Sets, and what diffusers makes of a set, whose order differs from process to process."""
    if isinstance(value, set):
        return sorted(value)
    if isinstance(value, dict) and "_use_default_values" in value:
        return {**value, "_use_default_values": sorted(value["_use_default_values"])}
    return value


def _save(model: ir.Model, path: Path) -> None:
    for node in model.graph:
        if export.FLOAT32_SCOPE in node.meta:
            node.metadata_props[export.FLOAT32_SCOPE] = node.meta[export.FLOAT32_SCOPE]
    unfinished = path.with_suffix(".unfinished")
    ir.save(model, unfinished, format="protobuf")
    unfinished.rename(path)


def _load(path: Path) -> ir.Model:
    model = ir.load(path, format="protobuf")
    for node in model.graph:
        if export.FLOAT32_SCOPE in node.metadata_props:
            node.meta[export.FLOAT32_SCOPE] = node.metadata_props.pop(export.FLOAT32_SCOPE)
    return model
