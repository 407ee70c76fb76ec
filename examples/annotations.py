"""Regions for a labelling tool: COCO and Label Studio JSON, to be corrected by hand.

python examples/annotations.py photos bundle 0.3 annotations
"""

import json
import sys
from pathlib import Path

from diad_deploy import Detector, find_images, to_coco, to_label_studio


def main(folder: str, bundle: str, threshold: str, output: str) -> None:
    """Write `coco.json` and `label_studio.json` of the defective images."""
    score = float(threshold)
    with Detector.open(bundle) as detector:
        found = detector.detect_each(image.path for image in find_images([folder]))
        decided = (detection.decided_by(score, score) for detection in found)
        defects = [
            # without the detection's arrays, which would add up
            detection.annotated()
            for detection in decided
            if detection.decision == "defect"
        ]
    Path(output).mkdir(exist_ok=True)
    Path(output, "coco.json").write_text(json.dumps(to_coco(defects)), encoding="utf-8")
    tasks = to_label_studio(defects, prefix="/data/local-files/?d=")
    Path(output, "label_studio.json").write_text(json.dumps(tasks), encoding="utf-8")
    print(f"{len(defects)} defective images, {sum(len(d.regions) for d in defects)} regions")


if __name__ == "__main__":
    main(*sys.argv[1:])
