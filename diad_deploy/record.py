"""What all records of a bundle's manifest share."""

from typing import Any, ClassVar


class Record:
    """Read from JSON without guessing: unknown fields and wrong types are faults."""

    __slots__ = ()
    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "strict": True}
