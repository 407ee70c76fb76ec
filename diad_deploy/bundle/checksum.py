"""The checksum of a manifest, stored in the manifest itself.

It is the SHA-256 of the manifest's text with the checksum replaced by zeros. Line endings are
normalised first, since version control changes them. The checksum detects accidental changes; it
does not prove who wrote the manifest.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

FIELD = "manifest_sha256"
_ZEROS = "0" * 64


def add_checksum(text: str) -> str:
    """Add the checksum as the first field of an indented JSON object."""
    blank = text.replace("{\n", "{\n" + f"  {_entry(_ZEROS)},\n", 1)
    return blank.replace(_entry(_ZEROS), _entry(_sha256(blank)), 1)


def checksum_fault(text: str | bytes, values: Mapping[str, Any]) -> str | None:
    """Describe how `text` differs from what was written; None if it does not.

    Args:
        text: the manifest.
        values: the JSON object parsed from it.
    """
    declared = values.get(FIELD)
    if not isinstance(declared, str) or not re.fullmatch("[0-9a-f]{64}", declared):
        return f"{FIELD}: expected the manifest's own SHA-256, found {declared!r}"
    decoded = text.decode("utf-8") if isinstance(text, bytes) else text
    found = _sha256(decoded.replace("\r\n", "\n").replace(_entry(declared), _entry(_ZEROS), 1))
    if found != declared:
        return f"{FIELD}: the manifest has changed: expected {declared[:12]}…, found {found[:12]}…"
    return None


def _entry(checksum: str) -> str:
    return f'"{FIELD}": "{checksum}"'


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
