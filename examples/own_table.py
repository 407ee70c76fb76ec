"""Your own table from a report: how each folder of images scored.

python examples/own_table.py report table.csv
"""

import csv
import sys
from collections import defaultdict
from pathlib import Path, PurePosixPath
from statistics import median

from diad_deploy import read_rows


def main(report: str, table: str) -> None:
    """Write a line per folder: images, failures, median and highest score."""
    scores: dict[str, list[float]] = defaultdict(list)
    failed: dict[str, int] = defaultdict(int)
    for row in read_rows(Path(report, "results.jsonl")):
        folder = str(PurePosixPath(row.picture).parent)
        if row.score is None:
            failed[folder] += 1
        else:
            scores[folder].append(row.score)
    with Path(table).open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(["folder", "pictures", "failed", "median", "highest"])
        for folder in sorted({*scores, *failed}):
            found = scores[folder]
            highest = [f"{median(found):.4f}", f"{max(found):.4f}"] if found else ["", ""]
            lines.writerow([folder, len(found) + failed[folder], failed[folder], *highest])
    print(f"wrote {table}")


if __name__ == "__main__":
    main(*sys.argv[1:])
