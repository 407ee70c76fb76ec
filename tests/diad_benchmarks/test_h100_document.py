"""The documents say of the H100 what its record holds."""

import json
import re
from collections import Counter
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "performance.md").read_text().replace("**", "")
RECORD = json.loads((DOCS / "h100.json").read_text())
ROW = re.compile(
    r"^\| (float\d+)[^|]*\| (\w+) \| (yes|no) \| ([\d.]+) \| ([\d.]+) \|", re.MULTILINE
)


def test_the_table_of_the_denoiser() -> None:
    rows = {
        (precision, search.upper(), cores == "yes"): (one, eight)
        for precision, search, cores, one, eight in ROW.findall(TEXT)
    }
    found: dict[tuple[str, str, bool], dict[int, str]] = {}
    for each in RECORD["replays"]:
        if (each["model"], each["graph"]) == ("published size", "denoiser"):
            key = (each["precision"], each["search"], each["use_tf32"])
            found.setdefault(key, {})[each["batch"]] = f"{each['replay_ms']:.1f}"
    assert rows == {key: (times[1], times[8]) for key, times in found.items()}


def test_the_counts_of_tests() -> None:
    first, second = (Counter(outcomes) for outcomes in zip(*RECORD["tests"].values(), strict=True))
    assert (first["failed"], second["failed"]) == (1, 0)
    assert (
        f"{second['passed']} tests of {second['passed']}"
        in (DOCS / "guides" / "gpu.md").read_text()
    )
