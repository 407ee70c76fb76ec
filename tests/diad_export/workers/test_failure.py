"""Errors cross to another process in their own class."""

from dataclasses import replace

from diad_deploy.errors import BackendError, ExportError
from diad_export.workers.failure import error_of, failure_of


def test_an_error_of_another_tree_keeps_its_message() -> None:
    failure = failure_of(BackendError("refused"))
    for kind in ("ValueError", "copyreg", "os"):
        found = error_of(replace(failure, kind=kind), unknown=ExportError)
        assert (type(found), str(found)) == (ExportError, "refused")
