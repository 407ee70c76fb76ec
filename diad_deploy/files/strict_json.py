"""JSON that a machine wrote, read without guessing: the records of a manifest, or thresholds."""

import json
import math
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

T = TypeVar("T")


def parse_object(text: str | bytes) -> dict[str, Any]:
    """The JSON object that `text` is.

    Raises:
        ValueError: it is none, or names a key twice; the message is a few words.
    """
    try:
        decoded = text.decode("utf-8") if isinstance(text, bytes) else text
        found = json.loads(decoded, object_pairs_hook=_without_doubles)
    except _DoubleKeyError:
        raise
    except (ValueError, RecursionError):
        raise ValueError("not JSON") from None
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    return found


def read_record(
    kind: type[T], values: Mapping[str, Any], contradictions: Callable[[T], Iterable[str]]
) -> T:
    """The dataclass `kind` from a parsed JSON object.

    Args:
        kind: a `Record` dataclass.
        values: as `parse_object` gave them.
        contradictions: what types cannot say: names the faults of a record whose types are right.

    Raises:
        ValueError: numbers that are none, fields missing, unknown or of a wrong type, or
            contradictions; the message names them all.
    """
    from pydantic import TypeAdapter, ValidationError

    faults = list(_not_finite(values))
    try:
        # through JSON again: in Python's own types a strict tuple is no list
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


class _DoubleKeyError(ValueError):
    pass


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; readers differ in which of two values of one key they take."""
    found = dict(pairs)
    if len(found) < len(pairs):
        double, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise _DoubleKeyError(f"the key {double!r} is there twice")
    return found


def _not_finite(values: Mapping[str, Any]) -> Iterator[str]:
    """Every number that is NaN or infinite, by its place: Python reads them, JSON has none.

    Nor may a whole number become infinite where it is read as floating point.
    """
    waiting: deque[tuple[str, Any]] = deque(values.items())
    while waiting:
        place, value = waiting.popleft()
        if isinstance(value, float) and not math.isfinite(value):
            yield f"{place}: expected a finite number, found {value}"
        elif isinstance(value, int) and abs(value) > sys.float_info.max:
            yield f"{place}: expected a finite number, found one of {len(str(value))} digits"
        elif isinstance(value, Mapping):
            waiting.extend((f"{place}.{key}", one) for key, one in value.items())
        elif isinstance(value, list):
            waiting.extend((f"{place}.{index}", one) for index, one in enumerate(value))
