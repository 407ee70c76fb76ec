"""The old names of `diad_deploy.find_images` and of its files."""

from diad_deploy.deprecated import deprecated_names

__getattr__ = deprecated_names(
    __name__,
    {
        "PictureFile": "diad_deploy.images.discover:ImageFile:diad_deploy.find_images",
        "find_pictures": "diad_deploy.images.discover:find_images",
    },
)
