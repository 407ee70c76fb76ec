"""The external data files of an ONNX graph, found without the onnx package.

A graph can store weights in other files and refer to them by any path, such as
`../../etc/passwd`. Not all versions of the inference libraries reject that, so it is checked here
that a graph only reads files which the manifest records. Only those parts of the protobuf message
are parsed that lead to a tensor's `external_data`.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from diad_deploy.bundle.folder import Bundle
from diad_deploy.errors import BundleDamagedError

_MESSAGES: dict[str, dict[int, str]] = {
    "Model": {7: "Graph", 20: "Training", 25: "Function"},
    "Training": {1: "Graph", 2: "Graph"},
    "Function": {7: "Node", 11: "Attribute"},
    "Graph": {1: "Node", 5: "Tensor", 15: "SparseTensor"},
    "Node": {5: "Attribute"},
    "Attribute": {
        5: "Tensor",
        6: "Graph",
        10: "Tensor",
        11: "Graph",
        22: "SparseTensor",
        23: "SparseTensor",
    },
    "SparseTensor": {1: "Tensor", 2: "Tensor"},
    "Tensor": {13: "Entry"},
}
"""Numbers of the fields of onnx.proto3 that lead to tensors, and the type of their message."""

_ENTRY_KEY, _ENTRY_VALUE = 1, 2
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_DEPTH = 100
"""Largest nesting depth, as in protobuf itself."""


class _MalformedError(ValueError):
    pass


def check_external_data(bundle: Bundle) -> None:
    """Check that the graphs only read files that the manifest records.

    Raises:
        BundleDamagedError: a graph is not ONNX, or refers to a file that is outside the bundle or
            not recorded. Lists all of them.
    """
    recorded = {record.path for record in bundle.manifest.files}
    faults = []
    for graph in bundle.manifest.graphs:
        path = bundle.file(graph.file)
        try:
            locations = external_locations(path)
        except _MalformedError as error:
            faults.append(f"{graph.file}: not an ONNX graph ({error})")
            continue
        except OSError as error:
            faults.append(f"{graph.file}: cannot be read: {error.strerror or error}")
            continue
        folder = PurePosixPath(graph.file).parent
        faults += [
            f"{graph.file}: reads {location!r}, which is not recorded in the manifest"
            for location in sorted(locations)
            if ".." in PurePosixPath(location).parts or str(folder / location) not in recorded
        ]
    if faults:
        raise BundleDamagedError(
            f"{bundle.path}: {'; '.join(faults)}; copy the bundle again, or rebuild it"
        )


def external_locations(path: Path) -> frozenset[str]:
    """The locations of external data in an ONNX graph, as written in the file.

    Raises:
        ValueError: not a protobuf message.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        if not path.stat().st_size:
            raise _MalformedError("an empty file")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return frozenset(_locations(data, 0, len(data), "Model", 0))


def _locations(data: mmap.mmap, start: int, end: int, message: str, depth: int) -> Iterator[str]:
    if depth > _MAX_DEPTH:
        raise _MalformedError(f"nested deeper than {_MAX_DEPTH}")
    fields = _MESSAGES[message]
    for number, first, last in _fields(data, start, end):
        inner = fields.get(number)
        if inner == "Entry":
            yield from _location(data, first, last)
        elif inner is not None:
            yield from _locations(data, first, last, inner, depth + 1)


def _location(data: mmap.mmap, start: int, end: int) -> Iterator[str]:
    """The value of a key-value entry if its key is `location`."""
    key, value = b"", b""
    for number, first, last in _fields(data, start, end):
        if number == _ENTRY_KEY:
            key = data[first:last]
        elif number == _ENTRY_VALUE:
            value = data[first:last]
    if key == b"location":
        yield value.decode("utf-8", errors="backslashreplace")


def _fields(data: mmap.mmap, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The number, start and end of each field of bytes; other fields are skipped."""
    place = start
    while place < end:
        tag, place = _varint(data, place, end)
        number, kind = tag >> 3, tag & 7
        if kind == _BYTES:
            length, place = _varint(data, place, end)
            if length > end - place:
                raise _MalformedError("truncated")
            yield number, place, place + length
            place += length
        elif kind == _VARINT:
            _, place = _varint(data, place, end)
        elif kind in (_FIXED32, _FIXED64):
            place += 4 if kind == _FIXED32 else 8
        else:
            raise _MalformedError(f"unknown wire type {kind} at byte {place}")
    if place > end:
        raise _MalformedError("truncated")


def _varint(data: mmap.mmap, place: int, end: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= end:
            raise _MalformedError("truncated")
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise _MalformedError(f"an unterminated number at byte {place}")
