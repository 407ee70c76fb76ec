"""Inspection: images in, a report out."""
