"""JSON as the standard has it: without NaN, infinity, or numbers too large for float64."""

import json
import math
from typing import Any, NoReturn


def loads_finite(text: str | bytes) -> Any:
    """What `json.loads` gives.

    Raises:
        ValueError: the text is no JSON, or a number in it is not finite.
    """
    return json.loads(text, parse_constant=_refuse, parse_float=_finite)


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refuse(text)


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is no finite number")
