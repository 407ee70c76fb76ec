"""The old name of `diad_deploy.find_images`."""

from diad_deploy.deprecated import deprecated_names

__getattr__ = deprecated_names(
    __name__, {"find_pictures": "diad_deploy.images.discover:find_images"}
)
