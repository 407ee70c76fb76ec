"""Without the extra's packages the error says what to install."""

import pytest

from diad_deploy.errors import EvaluationError
from diad_evaluate.cli import extra


def test_all_there() -> None:
    extra.check_extra()


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(extra.NEEDED, "no_such_module", "Nothing")
    with pytest.raises(EvaluationError) as raised:
        extra.check_extra()
    assert str(raised.value) == (
        "not installed: Nothing; the evaluation needs the extra: "
        'pip install "diad_deploy[evaluate]"'
    )
