"""Frames of a camera in, heatmaps out: NumPy arrays both ways, one frame at a time.

python examples/camera_frames.py photos bundle heatmaps
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from diad_deploy import Detector


def camera(folder: Path) -> Iterator[npt.NDArray[np.uint8]]:
    """Stands in for a camera: uint8 `[H, W, 3]`, blue, green, red, as OpenCV returns frames."""
    for path in sorted(folder.rglob("*.png")):
        yield np.asarray(Image.open(path).convert("RGB"))[:, :, ::-1]


def main(folder: str, bundle: str, heatmaps: str) -> None:
    """Write a heatmap per frame, and print where the anomaly map is highest."""
    Path(heatmaps).mkdir(exist_ok=True)
    # a batch of one: no frame waits for the next
    with Detector.open(bundle, batch_size=1) as detector:
        for number, frame in enumerate(camera(Path(folder))):
            rgb = np.ascontiguousarray(frame[:, :, ::-1])
            [detection] = detector.detect([rgb])
            anomaly_map = detection.map_at_image_size()  # float32 [H, W], as large as the frame
            y, x = np.unravel_index(anomaly_map.argmax(), anomaly_map.shape)
            print(f"frame {number}: score {detection.score:.4f}, highest at x {x}, y {y}")
            detection.save(Path(heatmaps, f"{number:06}.png"), rgb)


if __name__ == "__main__":
    main(*sys.argv[1:])
