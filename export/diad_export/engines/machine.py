"""What this machine offers to build engines: TensorRT's version and targets, and the GPU."""

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
    """TensorRT and the GPU of this machine.

    Attributes:
        version: of TensorRT or TensorRT-RTX.
        capabilities: compute capabilities that TensorRT-RTX can build for; empty for TensorRT,
            which builds for the GPU of the machine.
        gpu: the first CUDA device, if there is one.
        no_gpu: why there is none.
    """

    version: str
    capabilities: tuple[str, ...]
    gpu: Gpu | None
    no_gpu: str = ""


def describe_machine(module: Any) -> Machine:
    """Query the TensorRT module and the CUDA runtime."""
    enumeration = getattr(module, "ComputeCapability", None)
    names = (
        [] if enumeration is None else [n for n in enumeration.__members__ if n.startswith("SM")]
    )
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
        BackendError: the target is `tensorrt` and there is no GPU.
        OptionError: TensorRT-RTX does not support a capability, or none is given and there is no
            GPU.
    """
    gpu = machine.gpu
    if target == "tensorrt":
        if gpu is None:
            raise BackendError(
                f"--target tensorrt builds on the GPU that will run the engine, and there is none "
                f"({machine.no_gpu}); build on that machine, or build for RTX GPUs, which needs no "
                f"GPU: --target tensorrt-rtx --compute-capability 8.9"
            )
        return (gpu.compute_capability,)
    known = machine.capabilities
    if not asked and gpu is None:
        raise OptionError(
            f"--target tensorrt-rtx needs --compute-capability where there is no GPU "
            f"({machine.no_gpu}); expected one or more of {', '.join(known)}"
        )
    wanted = asked or ((gpu.compute_capability,) if gpu else ())
    lacking = [name for name in wanted if name not in known]
    if lacking:
        raise OptionError(
            f"TensorRT-RTX {machine.version} has no compute capability {', '.join(lacking)}; "
            f"expected some of {', '.join(known)}; for data-centre GPUs other than 8.0, build on "
            f"the GPU with --target tensorrt"
        )
    return tuple(sorted(set(wanted), key=lambda name: [int(part) for part in name.split(".")]))


def _gpu() -> tuple[Gpu | None, str]:
    try:
        from cuda.bindings import runtime
    except ImportError as error:
        return None, f"cuda-bindings cannot be imported: {error}"
    status, count = runtime.cudaGetDeviceCount()
    if int(status) or not count:
        return None, f"CUDA reports {getattr(status, 'name', status)}"
    status, properties = runtime.cudaGetDeviceProperties(0)
    if int(status):
        return None, f"CUDA reports {getattr(status, 'name', status)}"
    _, driver = runtime.cudaDriverGetVersion()
    name = properties.name
    return Gpu(
        name=name.decode() if isinstance(name, bytes) else str(name),
        compute_capability=f"{properties.major}.{properties.minor}",
        driver=f"CUDA {driver // 1000}.{driver % 1000 // 10}",
    ), ""
