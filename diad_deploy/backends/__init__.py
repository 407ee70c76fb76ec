"""What can run the four graphs: the choice, and the boundary behind which each one lies."""

from diad_deploy.backends.choice import (
    BACKENDS,
    ModelRequest,
    OpenedModel,
    check_choice,
    open_model,
)
from diad_deploy.backends.devices import AUTO

__all__ = [
    "AUTO",
    "BACKENDS",
    "ModelRequest",
    "OpenedModel",
    "check_choice",
    "open_model",
]
