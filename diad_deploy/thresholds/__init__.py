"""Thresholds: their file, and the decision that they make."""

from diad_deploy.deprecated import deprecated_names

__getattr__ = deprecated_names(
    __name__,
    {
        "Thresholds": "diad_deploy.thresholds.file:Thresholds",
        "read_thresholds": "diad_deploy.thresholds.file:read_thresholds",
    },
)
