"""Calibration: good images -> scores -> thresholds."""
