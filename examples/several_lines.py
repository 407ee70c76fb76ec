"""Several production lines, one model: a thread per line, one detector for all.

python examples/several_lines.py bundle line-1 line-2
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from diad_deploy import Detector


def inspect_line(detector: Detector, folder: Path) -> float:
    """The highest score of a line's images."""
    return max(detection.score for detection in detector.detect_each(sorted(folder.glob("*.png"))))


def main(bundle: str, *folders: str) -> None:
    """Print each line's highest score."""
    with Detector.open(bundle) as detector, ThreadPoolExecutor(len(folders)) as threads:
        lines = [threads.submit(inspect_line, detector, Path(folder)) for folder in folders]
        for folder, line in zip(folders, lines, strict=True):
            print(f"{Path(folder).name}: highest score {line.result():.4f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
