"""The configuration of a run as it was before `InspectionConfig`."""

from dataclasses import dataclass

from diad_deploy.inspection.options import InspectionOptions
from diad_deploy.inspection.run import InspectionConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(InspectionConfig):
    """Paths, bundle and output, with all other options of the run in `options`."""

    options: InspectionOptions
