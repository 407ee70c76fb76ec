"""Good or defective, and where: by the bundle's own thresholds, or by one of your own.

`diad-calibrate GOOD_DIR --bundle bundle` stores thresholds in a bundle.

python examples/decide.py photos bundle 0.3
"""

import sys
from pathlib import Path

from diad_deploy import Detector


def main(folder: str, bundle: str, threshold: str | None = None) -> None:
    """Print a decision per image, and the regions of those that are defective."""
    paths = sorted(Path(folder).rglob("*.png"))
    with Detector.open(bundle) as detector:
        for path, found in zip(paths, detector.detect_each(paths), strict=True):
            given = None if threshold is None else float(threshold)
            detection = found if given is None else found.decided_by(given, given)
            margin = "no threshold" if detection.margin is None else f"{detection.margin:+.4f}"
            print(f"{path.name}: {detection.decision} ({margin})")
            for region in detection.regions() if detection.decision == "defect" else ():
                x, y, width, height = region.box
                print(f"  {width} x {height} px at x {x}, y {y}, peak {region.peak:.3f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
