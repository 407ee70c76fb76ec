"""The result for one image: its numbers, its decision, its regions, its annotations.

detection       the class `Detection`
batch           the model's arrays of a batch -> one detection per image
heatmap         the anomaly map in colour (`colours`)
annotations     regions as COCO and Label Studio JSON
notebook        how a notebook shows a detection
"""

from diad_deploy.detection.detection import Decision, Detection, rounded_score

__all__ = ["Decision", "Detection", "rounded_score"]
