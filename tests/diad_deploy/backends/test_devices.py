"""What `--device` says, and which GPUs it means on a machine."""

import pytest

from diad_deploy.backends.devices import Devices, parse_devices, resolve_indices
from diad_deploy.errors import CudaError, OptionError
from tests.simulator.cudart import Errors, Failure
from tests.simulator.machine import Machine


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("auto", Devices("auto")),
        ("cpu", Devices("cpu")),
        ("cuda", Devices("cuda", (0,))),
        ("cuda:0", Devices("cuda", (0,))),
        ("cuda:12", Devices("cuda", (12,))),
        ("cuda:1, cuda:0", Devices("cuda", (1, 0))),
        ("cuda:all", Devices("cuda", None)),
    ],
)
def test_what_is_read(text: str, expected: Devices) -> None:
    assert parse_devices(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "gpu", "CUDA", "cuda:", "cuda:-1", "cuda:x", "cuda:²", "cuda:99999", "cuda:0,"),
        *("cpu,cuda:0", "cuda,cuda:1", "cuda:all,cuda:0", "auto,cpu", "cuda:0;cuda:1"),
    ],
)
def test_what_is_refused(text: str) -> None:
    with pytest.raises(
        OptionError, match=r"expected auto, cpu, cuda, cuda:all, or GPUs .*cuda:0,cuda:1"
    ):
        parse_devices(text)


def test_a_device_given_twice() -> None:
    with pytest.raises(OptionError, match="expected each GPU once"):
        parse_devices("cuda:1,cuda:01")


def test_which_gpus_are_meant(machine: Machine) -> None:
    # what opens the first GPU says by itself what is missing
    assert resolve_indices(parse_devices("cuda")) == (0,)
    assert machine.cudart.calls == []
    assert resolve_indices(parse_devices("cuda:all")) == (0,)
    with pytest.raises(OptionError, match=r"device cuda:7: expected cuda:0; .*VISIBLE_DEVICES"):
        resolve_indices(parse_devices("cuda:0,cuda:7"))
    machine.cudart.device_count = 2
    assert resolve_indices(parse_devices("cuda:all")) == (0, 1)
    assert resolve_indices(parse_devices("cuda:1,cuda:0")) == (1, 0)
    with pytest.raises(OptionError, match="device cuda:2, cuda:7: expected cuda:0 to cuda:1"):
        resolve_indices(parse_devices("cuda:2,cuda:1,cuda:7"))


def test_no_gpu_at_all(machine: Machine) -> None:
    machine.cudart.failure = Failure(1, Errors.cudaErrorNoDevice, "cudaGetDeviceCount")
    with pytest.raises(CudaError, match="expected an NVIDIA GPU; use --device cpu"):
        resolve_indices(parse_devices("cuda:all"))
