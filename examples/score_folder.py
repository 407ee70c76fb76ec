"""Score every picture below a folder, as the scores come, in memory that does not grow.

python examples/score_folder.py photos bundle
"""

import sys

from diad_deploy import Detector
from diad_deploy.images.discover import find_pictures


def main(folder: str, bundle: str) -> None:
    """Print a score a picture."""
    pictures = find_pictures([folder])
    with Detector.open(bundle) as detector:
        found = detector.detect_each(picture.path for picture in pictures)
        for picture, detection in zip(pictures, found, strict=True):
            print(f"{detection.score:.4f}  {picture.name}")


if __name__ == "__main__":
    main(*sys.argv[1:])
