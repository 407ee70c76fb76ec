"""An error of `diad_deploy.errors` on its way from one process to another."""

from dataclasses import dataclass, field

from diad_deploy import errors
from diad_deploy.errors import DiadError
from diad_deploy.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure(Record):
    """An error as a record.

    Attributes:
        kind: the name of its class.
        attributes: the fields that some classes hold besides the message.
    """

    kind: str
    message: str
    attributes: dict[str, str] = field(default_factory=dict)


def failure_of(error: DiadError) -> Failure:
    """The record of an error, for `error_of` in the other process."""
    attributes = {name: str(value) for name, value in vars(error).items() if name[0] != "_"}
    return Failure(kind=type(error).__name__, message=str(error), attributes=attributes)


def error_of(failure: Failure, *, unknown: type[DiadError]) -> DiadError:
    """The error that was raised; an `unknown` if its class is not one of `diad_deploy.errors`."""
    kind = getattr(errors, failure.kind, None)
    if not (isinstance(kind, type) and issubclass(kind, DiadError)):
        return unknown(failure.message)
    # without `__init__`, which takes more than the message in some classes
    error = kind.__new__(kind, failure.message)
    vars(error).update(failure.attributes)
    return error
