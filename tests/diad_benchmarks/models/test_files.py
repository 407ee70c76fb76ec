"""Bundles that do not fit together are refused; what takes too long is stopped."""

import pytest

from diad_benchmarks.measure.apart import apart
from diad_benchmarks.models.files import check_float16
from diad_deploy.bundle.folder import Bundle, builtin_bundle
from diad_deploy.errors import BackendError, OptionError
from diad_deploy.usable_cores import usable_cores


def test_what_takes_too_long_is_stopped() -> None:
    with pytest.raises(BackendError, match="usable cores: stopped after 0 s"):
        apart(usable_cores, timeout_s=0.0)


def test_a_half_bundle_is_the_same_model_in_float16(standin_bundle: Bundle) -> None:
    with pytest.raises(OptionError, match="expected graphs in float16, found float32"):
        check_float16(standin_bundle.path, standin_bundle)
    with pytest.raises(OptionError, match="leave --half-bundle out"):
        check_float16(builtin_bundle(), standin_bundle)
