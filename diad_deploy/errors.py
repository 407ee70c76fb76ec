"""The exceptions of all packages, as one tree.

    DiadError
    ├── InputError              what was passed in cannot be used
    │   ├── ImageError          one image cannot be read; the others are not affected
    │   └── OptionError         an option or argument that does not fit
    ├── OutputError             a file or folder cannot be written
    ├── BundleError             a bundle cannot be used
    │   ├── BundleMissingError  there is no bundle at this path
    │   ├── BundleDamagedError  a file is missing, changed, or points outside the bundle
    │   ├── BundleVersionError  written by a newer version than this one
    │   └── ThresholdsError     the thresholds beside it cannot be used
    ├── BackendError            the inference library is missing or failed
    │   ├── CudaError           a call of the CUDA runtime failed
    │   └── NotFiniteError      an image's result contains NaN or infinity; the others are valid
    ├── EvaluationError         an evaluation cannot be computed                    (diad_evaluate)
    ├── CheckpointError         a checkpoint cannot be read or does not fit         (diad_export)
    └── ExportError             a graph cannot be exported, or differs from PyTorch (diad_export)

Every message says what is wrong, what was expected, what was found, and how to fix it. Commands
print it in one line; programs can catch the class they need.
"""

import copyreg
from typing import Any

from diad_deploy.deprecated import deprecated_attribute, deprecated_names

__getattr__ = deprecated_names(__name__, {"PictureError": "diad_deploy.errors:ImageError"})


class DiadError(Exception):
    """Root of all errors that this project raises on purpose.

    Errors can be pickled and copied with their message and attributes.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        # exceptions are rebuilt by calling the class with the message, which not all of them take
        return copyreg.__newobj__, (type(self), *self.args), dict(self.__dict__)  # type: ignore[attr-defined]


class InputError(DiadError):
    """What was passed in cannot be used."""


class ImageError(InputError):
    """One image cannot be read. `path` is its path, `reason` the message without it."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class OptionError(InputError):
    """An option or argument has a value that does not fit."""


class OutputError(DiadError):
    """A file or folder cannot be written."""


class BundleError(DiadError):
    """A bundle cannot be used."""


class BundleMissingError(BundleError):
    """There is no bundle at the path."""


class BundleDamagedError(BundleError):
    """A file of the bundle is missing, changed, or lies outside it."""


class BundleVersionError(BundleError):
    """The bundle was written by a newer version of this project."""


class ThresholdsError(BundleError):
    """The thresholds beside a bundle are damaged, or were set with another bundle."""


class BackendError(DiadError):
    """The inference library is not installed, rejects the graph, or failed."""


class CudaError(BackendError):
    """A call of the CUDA runtime failed. `name` is the runtime's, such as `cudaErrorNoDevice`."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class NotFiniteError(BackendError):
    """An image's result contains NaN or infinity. `reason` is the message without the image."""

    def __init__(self, image: str, reason: str) -> None:
        super().__init__(f"{image}: {reason}")
        self.image = image
        self.reason = reason

    picture = deprecated_attribute("image")


class EvaluationError(DiadError):
    """A metric cannot be computed."""


class CheckpointError(DiadError):
    """A checkpoint cannot be read, or its tensors do not fit the model."""


class ExportError(DiadError):
    """A graph cannot be exported, or does not compute the numbers of its PyTorch module."""
