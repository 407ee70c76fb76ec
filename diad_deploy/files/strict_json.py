"""Strict JSON: no duplicate keys, no NaN or infinity, no guessing of fields and types."""

import json
import math
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

T = TypeVar("T")


def loads_finite(text: str | bytes) -> Any:
    """`json.loads`, but a number that is not finite is an error.

    Raises:
        ValueError: not JSON, or a number that is NaN, infinite or too large for float64.
    """
    value = json.loads(text)
    for fault in _non_finite_numbers(value):
        raise ValueError(fault)
    return value


def parse_object(text: str | bytes) -> dict[str, Any]:
    """Parse a JSON object.

    Raises:
        ValueError: not a JSON object, or a key is repeated.
    """
    try:
        decoded = text.decode("utf-8") if isinstance(text, bytes) else text
        value = json.loads(decoded, object_pairs_hook=_unique_keys)
    except _DuplicateKeyError:
        raise
    except (ValueError, RecursionError):
        raise ValueError("not JSON") from None
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value


def read_record(
    kind: type[T], values: Mapping[str, Any], contradictions: Callable[[T], Iterable[str]]
) -> T:
    """Build a `Record` dataclass from a parsed JSON object.

    Args:
        kind: a `Record` dataclass.
        values: as returned by `parse_object`.
        contradictions: checks what types cannot express; called once the types are right, it
            yields one message for each fault.

    Raises:
        ValueError: numbers that are not finite; missing, unknown or mistyped fields; or
            contradictions. The message lists all of them.
    """
    from pydantic import TypeAdapter, ValidationError

    faults = list(_non_finite_numbers(values))
    try:
        # validated as JSON: in strict mode a Python list is not accepted for a tuple
        record = TypeAdapter(kind).validate_json(json.dumps(values))
    except ValidationError as error:
        faults += [
            ".".join(str(part) for part in fault["loc"]) + f": {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False)
        ]
    except RecursionError:
        faults.append("nested too deeply")
    else:
        faults += contradictions(record)
        if not faults:
            return record
    raise ValueError("; ".join(faults))


class _DuplicateKeyError(ValueError):
    pass


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; parsers differ in which of two values of one key they keep."""
    values = dict(pairs)
    if len(values) < len(pairs):
        duplicate, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise _DuplicateKeyError(f"the key {duplicate!r} is repeated")
    return values


def _non_finite_numbers(values: Any) -> Iterator[str]:
    """A message for each number that is NaN, infinite, or too large for float64, with its path.

    Python's parser accepts NaN and Infinity although JSON has neither.
    """
    pending: deque[tuple[str, Any]] = deque([("", values)])
    while pending:
        path, value = pending.popleft()
        prefix = f"{path}: " if path else ""
        if isinstance(value, float) and not math.isfinite(value):
            yield f"{prefix}expected a finite number, found {value}"
        elif isinstance(value, int) and abs(value) > sys.float_info.max:
            yield f"{prefix}expected a finite number, found an integer of {len(str(value))} digits"
        elif isinstance(value, (Mapping, list)):
            items = value.items() if isinstance(value, Mapping) else enumerate(value)
            pending.extend((f"{path}.{key}" if path else str(key), item) for key, item in items)
