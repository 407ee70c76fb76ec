"""What the machine at hand offers a target: TensorRT's version, its capabilities, the GPU."""

from dataclasses import dataclass
from typing import Any

from diad_deploy.bundle.engine_spec import Target
from diad_deploy.errors import BackendError, OptionError


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """The first CUDA device: its name, compute capability such as `8.9`, and driver."""

    name: str
    compute_capability: str
    driver: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A target's TensorRT here. `capabilities` is empty where it builds for the GPU at hand only.

    `gpu` is None where there is none; `no_gpu` then says why.
    """

    version: str
    capabilities: tuple[str, ...]
    gpu: Gpu | None
    no_gpu: str = ""


def look_at_machine(module: Any) -> Machine:
    """Ask TensorRT's module and the CUDA runtime."""
    listed = getattr(module, "ComputeCapability", None)
    names = [] if listed is None else [n for n in listed.__members__ if n.startswith("SM")]
    gpu, reason = _gpu()
    return Machine(
        version=str(module.__version__),
        capabilities=tuple(f"{name[2:-1]}.{name[-1]}" for name in names),
        gpu=gpu,
        no_gpu=reason,
    )


def resolve_capabilities(
    target: Target, asked: tuple[str, ...], machine: Machine
) -> tuple[str, ...]:
    """The compute capabilities to build for, in ascending order.

    Raises:
        BackendError: `tensorrt` without a GPU.
        OptionError: a capability that TensorRT-RTX lacks, or none given and no GPU to take it of.
    """
    gpu = machine.gpu
    if target == "tensorrt":
        if gpu is None:
            raise BackendError(
                f"--target tensorrt builds on the GPU that will run the engine, and there is none "
                f"({machine.no_gpu}); build on that machine, or build for RTX GPUs without one: "
                f"--target tensorrt-rtx --compute-capability 8.9"
            )
        return (gpu.compute_capability,)
    known = machine.capabilities
    if not asked and gpu is None:
        raise OptionError(
            f"--target tensorrt-rtx needs --compute-capability where there is no GPU "
            f"({machine.no_gpu}); expected one or several of {', '.join(known)}"
        )
    wanted = asked or ((gpu.compute_capability,) if gpu else ())
    lacking = [name for name in wanted if name not in known]
    if lacking:
        raise OptionError(
            f"TensorRT-RTX {machine.version} has no compute capability {', '.join(lacking)}; "
            f"expected some of {', '.join(known)}; datacentre cards (8.0 aside) want "
            f"--target tensorrt, on such a card"
        )
    return tuple(sorted(set(wanted), key=lambda name: [int(part) for part in name.split(".")]))


def _gpu() -> tuple[Gpu | None, str]:
    try:
        from cuda.bindings import runtime
    except ImportError as error:
        return None, f"cuda-bindings cannot be imported: {error}"
    status, count = runtime.cudaGetDeviceCount()
    if int(status) or not count:
        return None, f"CUDA says {getattr(status, 'name', status)}"
    status, properties = runtime.cudaGetDeviceProperties(0)
    if int(status):
        return None, f"CUDA says {getattr(status, 'name', status)}"
    _, driver = runtime.cudaDriverGetVersion()
    name = properties.name
    return Gpu(
        name=name.decode() if isinstance(name, bytes) else str(name),
        compute_capability=f"{properties.major}.{properties.minor}",
        driver=f"CUDA {driver // 1000}.{driver % 1000 // 10}",
    ), ""
