"""Invalid options are an error before anything starts."""

import pytest

from diad_deploy.bundle.engine_spec import BatchProfile
from diad_deploy.errors import OptionError
from diad_export.engines.options import EngineOptions, check_options


def test_the_defaults_fit_both_targets() -> None:
    check_options(EngineOptions(target="tensorrt"))
    check_options(EngineOptions(target="tensorrt-rtx", compute_capabilities=("8.9",)))


def test_every_fault_is_named_at_once() -> None:
    options = EngineOptions(
        target="tensorrt",
        compute_capabilities=("8.9",),
        profile=BatchProfile(smallest=4, tuned=2, largest=8),
        workspace_mib=0,
        optimization_level=6,
        aux_streams=-1,
    )
    with pytest.raises(OptionError) as caught:
        check_options(options)
    message = str(caught.value)
    assert "--compute-capability 8.9 cannot be used with --target tensorrt" in message
    assert "--batch 4 2 8: expected 1 <= MIN <= OPT <= MAX" in message
    assert "--workspace 0" in message
    assert "--optimization-level 6: expected 0 to 5" in message
    assert "--aux-streams -1" in message


def test_rtx_has_no_timing_cache() -> None:
    with pytest.raises(
        OptionError, match="--timing-cache cannot be used with --target tensorrt-rtx"
    ):
        check_options(EngineOptions(target="tensorrt-rtx", timing_cache="times.bin"))
