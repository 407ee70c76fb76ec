"""Limits and thresholds that nothing can exceed are rejected."""

import dataclasses

import pytest

from diad_deploy.errors import OptionError
from diad_export.verify.result import Limits
from diad_export.verify.stages import VerifyOptions


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Limits)])
def test_a_limit_of_nan(name: str) -> None:
    with pytest.raises(OptionError, match=f"^--{name.replace('_', '-')} nan: expected a number"):
        Limits(**{name: float("nan")})


@pytest.mark.parametrize("threshold", [float("nan"), float("inf")])
def test_a_threshold_that_is_not_finite(threshold: float) -> None:
    with pytest.raises(OptionError, match=f"^--threshold {threshold:g}: expected a finite number"):
        VerifyOptions(threshold=threshold)
