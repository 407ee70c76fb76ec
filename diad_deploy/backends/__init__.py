"""What can run the four graphs: the choice, and the boundary behind which each one lies."""

from diad_deploy.backends.choice import (
    AUTO,
    BACKENDS,
    DEVICES,
    ModelRequest,
    OpenedModel,
    check_choice,
    open_model,
)

__all__ = [
    "AUTO",
    "BACKENDS",
    "DEVICES",
    "ModelRequest",
    "OpenedModel",
    "check_choice",
    "open_model",
]
