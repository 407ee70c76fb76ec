"""Finds the weights in a folder: one file, or the shards that an index lists."""

import re
from pathlib import Path, PurePath

from torch import Tensor

from diad_deploy.errors import CheckpointError
from diad_deploy.files.regular_file import MAX_JSON_BYTES, read_regular_file
from diad_deploy.files.strict_json import parse_object
from diad_export.checkpoint.tensor_files import TensorFile, read_tensors

WEIGHT_FILES = (
    "diffusion_pytorch_model.safetensors",
    "model.safetensors",
    "diffusion_pytorch_model.bin",
    "pytorch_model.bin",
)
INDEX_ENDING = ".index.json"
_SHARD = re.compile(r"-\d{5}-of-(?!0000[01]\.)\d{5}\.")
"""In the name of a shard, but not of the only one."""


def has_weights(folder: Path) -> bool:
    """Whether `folder` itself holds a file of weights, shards or their index."""
    return bool(_shards(folder)) or any(
        (folder / f"{name}{ending}").is_file()
        for name in WEIGHT_FILES
        for ending in ("", INDEX_ENDING)
    )


def read_weights(folder: Path) -> tuple[TensorFile, tuple[Path, ...]]:
    """All tensors in `folder`, and the files that they were read from.

    Raises:
        CheckpointError: there is no such file, or one cannot be read; the index is damaged, names
            files elsewhere, or tensors that are not in their shards.
    """
    for name in WEIGHT_FILES:
        if (folder / name).is_file():
            return read_tensors(folder / name), (folder / name,)
        index = folder / f"{name}{INDEX_ENDING}"
        if index.is_file():
            return _read_shards(index)
    if shards := _shards(folder):
        raise CheckpointError(
            f"{folder}: holds shards of a model ({shards[0]}) without their index, such as "
            f"{WEIGHT_FILES[1]}{INDEX_ENDING}; copy it to the same folder"
        )
    raise CheckpointError(
        f"{folder}: expected one of {', '.join(WEIGHT_FILES)}, or an index of one, found none"
    )


def reject_shard(path: Path) -> None:
    """Raise `CheckpointError` if a file is a shard of a model or the index of one, by its name."""
    what = "a shard" if _SHARD.search(path.name) else "the index"
    if path.is_file() and (what == "a shard" or path.name.endswith(INDEX_ENDING)):
        raise CheckpointError(
            f"{path}: is {what} of a sharded model; give the folder with the index and all "
            f"shards, {path.parent}"
        )


def _shards(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*-of-*") if _SHARD.search(path.name))


def _read_shards(index: Path) -> tuple[TensorFile, tuple[Path, ...]]:
    placed = _weight_map(index)
    shards = [index.with_name(name) for name in sorted(set(placed.values()))]
    missing = [shard.name for shard in shards if not shard.is_file()]
    if missing:
        raise CheckpointError(
            f"{index}: lists {', '.join(missing)}, not found in its folder; copy the folder again"
        )
    tensors: dict[str, Tensor] = {}
    metadata: dict[str, str] = {}
    for shard in shards:
        read = read_tensors(shard)
        keys = [key for key, name in placed.items() if name == shard.name]
        lacking = [key for key in keys if key not in read.tensors]
        if lacking:
            more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
            raise CheckpointError(
                f"{shard}: lacks {lacking[0]}{more}, which {index.name} lists in it, so it is of "
                f"another model; copy the folder again"
            )
        tensors |= {key: read.tensors[key] for key in keys}
        metadata |= read.metadata
    return TensorFile(tensors=tensors, metadata=metadata), tuple(shards)


def _weight_map(index: Path) -> dict[str, str]:
    """Key -> name of the shard that holds it."""
    try:
        placed = parse_object(read_regular_file(index, max_bytes=MAX_JSON_BYTES))["weight_map"]
        names = set(placed.values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise CheckpointError(
            f"{index}: expected a JSON object with a 'weight_map': {reason}; copy the folder again"
        ) from None
    odd = [name for name in names if not isinstance(name, str) or not _is_bare(name)]
    if odd or not names:
        found = repr(odd[0]) if odd else "none"
        raise CheckpointError(f"{index}: expected names of files in its folder, found {found}")
    return dict(placed)


def _is_bare(name: str) -> bool:
    return bool(name) and name != ".." and PurePath(name).name == name
