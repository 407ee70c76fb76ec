"""Which GPUs an engine is built for."""

import pytest

from diad_deploy.errors import BackendError, OptionError
from diad_export.engines.machine import Gpu, Machine, describe_machine, resolve_capabilities
from diad_export.engines.tensorrt_module import load_tensorrt

KNOWN = ("7.5", "8.0", "8.6", "8.9", "12.0", "12.1")
BARE = Machine(version="1.7", capabilities=KNOWN, gpu=None, no_gpu="CUDA says no")


def with_gpu(capability: str) -> Machine:
    gpu = Gpu(name="card", compute_capability=capability, driver="CUDA 13.0")
    return Machine(version="1.7", capabilities=KNOWN, gpu=gpu)


def test_the_installed_rtx_lists_these_capabilities() -> None:
    machine = describe_machine(load_tensorrt("tensorrt-rtx"))
    assert machine.capabilities == KNOWN
    assert machine.version.startswith("1.")
    assert (machine.gpu is None) == bool(machine.no_gpu)


def test_rtx_builds_for_the_given_capabilities_or_this_gpu() -> None:
    asked = ("12.0", "8.9", "8.9")
    assert resolve_capabilities("tensorrt-rtx", asked, BARE) == ("8.9", "12.0")
    assert resolve_capabilities("tensorrt-rtx", (), with_gpu("8.6")) == ("8.6",)
    with pytest.raises(OptionError, match=r"needs --compute-capability .*CUDA says no.* 8\.9"):
        resolve_capabilities("tensorrt-rtx", (), BARE)


@pytest.mark.parametrize(("asked", "machine"), [(("9.0",), BARE), ((), with_gpu("9.0"))])
def test_a_capability_that_rtx_lacks(asked: tuple[str, ...], machine: Machine) -> None:
    with pytest.raises(OptionError, match=r"no compute capability 9\.0; .*12\.1.*tensorrt"):
        resolve_capabilities("tensorrt-rtx", asked, machine)


def test_tensorrt_builds_for_this_gpu() -> None:
    assert resolve_capabilities("tensorrt", (), with_gpu("9.0")) == ("9.0",)
    with pytest.raises(BackendError, match=r"CUDA says no.*--target tensorrt-rtx"):
        resolve_capabilities("tensorrt", (), BARE)
