"""The old name of `diad_deploy.draw_heatmap`."""

from diad_deploy.deprecated import deprecated_names

__getattr__ = deprecated_names(
    __name__, {"draw_heatmap": "diad_deploy.detection.heatmap:draw_heatmap"}
)
