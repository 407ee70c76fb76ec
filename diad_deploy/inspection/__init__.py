"""Inspection: images in, a report out."""

from diad_deploy.deprecated import deprecated_names

__getattr__ = deprecated_names(
    __name__,
    {
        "InspectionOptions": (
            "diad_deploy.inspection.options:InspectionOptions:diad_deploy.InspectionConfig"
        ),
        "Request": "diad_deploy.inspection.legacy:Request:diad_deploy.InspectionConfig",
        "inspect_paths": "diad_deploy.inspection.run:inspect_images",
    },
)
