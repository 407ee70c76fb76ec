"""The base class of all records that are read from JSON."""

from typing import Any, ClassVar


class Record:
    """A dataclass read from JSON strictly: unknown fields and wrong types are errors."""

    __slots__ = ()
    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "strict": True}
