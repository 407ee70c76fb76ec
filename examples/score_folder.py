"""Score every image below a folder, as the scores come, in memory that does not grow.

python examples/score_folder.py photos bundle
"""

import sys

from diad_deploy import Detector, find_images


def main(folder: str, bundle: str) -> None:
    """Print a score per image."""
    images = find_images([folder])
    with Detector.open(bundle) as detector:
        found = detector.detect_each(image.path for image in images)
        for image, detection in zip(images, found, strict=True):
            print(f"{detection.score:.4f}  {image.name}")


if __name__ == "__main__":
    main(*sys.argv[1:])
