"""The bundle: a folder with a manifest, graphs, engines, noise and thresholds."""

from diad_deploy.deprecated import deprecated_names

__getattr__ = deprecated_names(__name__, {"Bundle": "diad_deploy.bundle.folder:Bundle"})
