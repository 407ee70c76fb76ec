"""The messages that the troubleshooting page explains are those of the code."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()
OWN, _ = PAGE.split("## Messages of other libraries")
SOURCES = ("diad_deploy", "evaluation", "export", "benchmarks")


def texts() -> list[str]:
    """Every string in the code; `…` stands for what is filled in."""
    found = []
    for source in SOURCES:
        for path in (ROOT / source).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.JoinedStr):
                    parts = [
                        str(part.value) if isinstance(part, ast.Constant) else "…"
                        for part in node.values
                    ]
                    found.append("".join(parts))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.append(node.value)
    return found


def test_every_message_is_one_of_the_code() -> None:
    messages = re.findall(r"^### `(.+)`$", OWN, re.MULTILINE)
    assert len(messages) > 30
    every = texts()
    patterns = {each: re.compile(".*".join(map(re.escape, each.split("…")))) for each in messages}
    assert not [each for each, pattern in patterns.items() if not any(map(pattern.search, every))]
