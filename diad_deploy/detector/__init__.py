"""Images -> detections: `Detector`, its options, and how it runs batches."""

from diad_deploy.detector.detector import Detector
from diad_deploy.detector.options import ModelOptions

__all__ = ["Detector", "ModelOptions"]
