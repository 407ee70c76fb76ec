"""Every error of the tree comes through pickle and copy as it was."""

import copy
import inspect
import pickle
from collections.abc import Iterator

import pytest

from diad_deploy import errors
from diad_deploy.errors import CudaError, DiadError, ImageError, NotFiniteError


def tree(root: type[DiadError]) -> Iterator[type[DiadError]]:
    yield root
    for child in root.__subclasses__():
        yield from tree(child)


def made(kind: type[DiadError]) -> DiadError:
    """An instance with a distinct value for each argument of its class."""
    own = inspect.isfunction(kind.__init__)
    _, *words = inspect.signature(kind.__init__).parameters if own else ("self", "message")
    return kind(*(f"a {word}" for word in words))


CLASSES = sorted(set(tree(DiadError)), key=lambda kind: kind.__name__)


def test_the_tree_is_walked() -> None:
    assert {CudaError, NotFiniteError, ImageError} <= set(CLASSES)
    assert len([name for name in vars(errors) if name.endswith("Error")]) <= len(CLASSES)


@pytest.mark.parametrize("kind", CLASSES)
def test_what_travels_arrives_as_it_was(kind: type[DiadError]) -> None:
    error = made(kind)
    error.add_note("a note")
    protocols = range(pickle.HIGHEST_PROTOCOL + 1)
    travelled = [pickle.loads(pickle.dumps(error, protocol)) for protocol in protocols]
    for other in (*travelled, copy.copy(error), copy.deepcopy(error)):
        assert type(other) is kind
        assert (str(other), other.args, vars(other)) == (str(error), error.args, vars(error))
