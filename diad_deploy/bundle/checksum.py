"""A manifest's checksum of itself: a field of its JSON.

It is the SHA-256 of the manifest's text with zeros in the place of the checksum. The kind of
line ends does not count, since version control changes it. It proves that nothing has changed by
accident, not who wrote the manifest.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

FIELD = "manifest_sha256"
_NONE = "0" * 64


def add_checksum(text: str) -> str:
    """The JSON object `text`, indented and without checksum, with one as its first field."""
    blank = text.replace("{\n", "{\n" + f"  {_entry(_NONE)},\n", 1)
    return blank.replace(_entry(_NONE), _entry(_sha256(blank)), 1)


def checksum_fault(text: str | bytes, values: Mapping[str, Any]) -> str | None:
    """Why `text`, of which `values` were read, is not as it was written; None where it is."""
    declared = values.get(FIELD)
    if not isinstance(declared, str) or not re.fullmatch("[0-9a-f]{64}", declared):
        return f"{FIELD}: expected the manifest's own SHA-256, found {declared!r}"
    decoded = text.decode("utf-8") if isinstance(text, bytes) else text
    found = _sha256(decoded.replace("\r\n", "\n").replace(_entry(declared), _entry(_NONE), 1))
    if found != declared:
        return f"{FIELD}: the manifest has changed: expected {declared[:12]}…, found {found[:12]}…"
    return None


def _entry(checksum: str) -> str:
    return f'"{FIELD}": "{checksum}"'


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
