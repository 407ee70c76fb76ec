"""The configuration of a run as it was before `InspectionConfig`."""

from dataclasses import dataclass, field

from diad_deploy.inspection.options import InspectionOptions
from diad_deploy.inspection.run import InspectionConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(InspectionConfig):
    """Paths, bundle and output, with all other options of the run in `options`."""

    # without `field`, the property that it replaces would be its default
    options: InspectionOptions = field()
