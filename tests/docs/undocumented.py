# no docstrings: `test_site.py` expects the build to refuse this class
from dataclasses import dataclass


@dataclass
class Undocumented:
    field: int

    def method(self) -> None: ...
