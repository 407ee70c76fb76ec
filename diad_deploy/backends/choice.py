"""Which backend runs a bundle, where, and why that one."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace

from diad_deploy.arrays import FloatArray
from diad_deploy.backends.devices import AUTO, Kind, device_name, find_indices, parse_devices
from diad_deploy.backends.host_model import HostModel
from diad_deploy.backends.onnxruntime.cpu import OnnxRuntimeStages
from diad_deploy.backends.several_devices import SharedModel, with_device
from diad_deploy.backends.tensorrt.engine_files import has_engines
from diad_deploy.bundle.engine_spec import Target
from diad_deploy.bundle.folder import Bundle
from diad_deploy.diffusion.stages import Model, Order
from diad_deploy.errors import BackendError, OptionError
from diad_deploy.log import get_logger

log = get_logger(__name__)

BACKENDS = ("onnxruntime", "tensorrt", "tensorrt-rtx")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """What to open: the bundle, one pass through the stages, and the options of `Detector.open`.

    Attributes:
        device_index: which GPU; a model on the CPU has no use for it.
        tf32: whether ONNX Runtime on CUDA multiplies float32 in TF32.
        record: whether ONNX Runtime on CUDA replays batches as CUDA graphs.
    """

    bundle: Bundle
    order: Order
    threads: int | None
    batch_size: int
    device_index: int = 0
    tf32: bool = False
    record: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OpenedModel:
    """A model that runs.

    Attributes:
        model: on one device, or a `SharedModel` over one model a device.
        backend: the name of what runs it.
        devices: the names of the devices: `cpu`, or `cuda:0` and so on.
        reason: why it was taken, in a few words.
    """

    model: Model
    backend: str
    devices: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    """A backend on a device.

    `name` is what a run's record calls it; `held` whether a bundle has what it runs.
    """

    name: str
    backend: str
    device: str
    open: Callable[[ModelRequest], Model]
    held: Callable[[Bundle], bool] = lambda bundle: True


def check_choice(backend: str, device: str) -> None:
    """Check that there is such a backend, such a device, and that they go together.

    Raises:
        OptionError: there is not, or they do not.
    """
    if backend not in (AUTO, *BACKENDS):
        raise OptionError(f"backend {backend!r}: expected one of {', '.join((AUTO, *BACKENDS))}")
    kind = parse_devices(device).kind
    if not _candidates(backend, kind):
        raise OptionError(
            f"backend {backend!r} does not run on device {device!r}; take --device cuda, or "
            f"--backend onnxruntime"
        )


def open_model(request: ModelRequest, *, backend: str, device: str) -> OpenedModel:
    """Open the best of what was asked for that the bundle and the machine hold.

    Best first: TensorRT's engines, those of TensorRT-RTX, ONNX Runtime on CUDA, ONNX Runtime on
    the CPU. Where several devices are asked for, each has a model of its own, all of one backend.

    Args:
        request: what to open; its `device_index` is replaced by what `device` says.
        backend, device: as of `Detector.open`.

    Raises:
        OptionError: as of `check_choice`, or there is no such device.
        BackendError: none of them can run; the message has each one's reason.
        BundleDamagedError: a graph or an engine is not what the manifest says.
    """
    check_choice(backend, device)
    devices = parse_devices(device)
    indices = find_indices(devices)
    candidates = _candidates(backend, devices.kind)
    passed_over: list[str] = []
    way_out = ""
    for candidate in candidates:
        if len(candidates) > 1 and not candidate.held(request.bundle):
            passed_over.append(f"{candidate.name}: no engines for it in the bundle")
            log.info("passed over %s", passed_over[-1])
            continue
        try:
            model = _open(candidate, request, indices)
        except BackendError as error:
            if len(candidates) == 1:
                raise
            first, _, way_out = str(error).partition("; ")
            passed_over.append(f"{candidate.name}: {first}")
            log.info("passed over %s", passed_over[-1])
            continue
        return OpenedModel(
            model=model,
            backend=_name(candidate, request),
            devices=_names(candidate, indices),
            reason=_reason(candidates, passed_over),
        )
    raise BackendError(
        f"nothing runs {request.bundle.path} with backend {backend} on device {device}: "
        f"{'; '.join(passed_over)}; {way_out or 'take --device cpu'}"
    )


def _open(candidate: _Candidate, request: ModelRequest, indices: tuple[int, ...]) -> Model:
    """One model; a `SharedModel` of one a device where there are several devices."""
    if candidate.device == "cpu" or len(indices) == 1:
        return candidate.open(replace(request, device_index=indices[0]))
    models: dict[str, Model] = {}
    with ExitStack() as opened:
        for index in indices:
            name = device_name(index)
            try:
                models[name] = candidate.open(replace(request, device_index=index))
            except BackendError as error:
                raise with_device(error, name) from error
            opened.callback(models[name].close)
        opened.pop_all()
    return SharedModel(models)


def _name(candidate: _Candidate, request: ModelRequest) -> str:
    """What a run's record calls it: runs whose numbers differ are not to be mixed in a report."""
    tf32 = request.tf32 and candidate.name == "onnxruntime-cuda"
    return f"{candidate.name}-tf32" if tf32 else candidate.name


def _names(candidate: _Candidate, indices: tuple[int, ...]) -> tuple[str, ...]:
    return ("cpu",) if candidate.device == "cpu" else tuple(map(device_name, indices))


def _candidates(backend: str, kind: Kind) -> list[_Candidate]:
    return [
        candidate
        for candidate in _BEST_FIRST
        if backend in (AUTO, candidate.backend) and kind in (AUTO, candidate.device)
    ]


def _reason(candidates: list[_Candidate], passed_over: list[str]) -> str:
    if len(candidates) == 1:
        return "asked for"
    if passed_over:
        return f"not {'; not '.join(passed_over)}"
    return "the best that the bundle and the machine hold"


def _engines(target: Target) -> _Candidate:
    def open_engines(request: ModelRequest) -> Model:
        from diad_deploy.backends.tensorrt.model import open_tensorrt

        return open_tensorrt(
            request.bundle,
            target=target,
            order=request.order,
            batch_size=request.batch_size,
            device=request.device_index,
        )

    return _Candidate(
        name=target,
        backend=target,
        device="cuda",
        open=open_engines,
        held=lambda bundle: has_engines(bundle, target),
    )


def _open_on_cuda(request: ModelRequest) -> Model:
    from diad_deploy.backends.onnxruntime.cuda import open_onnxruntime_cuda

    return open_onnxruntime_cuda(
        request.bundle,
        order=request.order,
        batch_size=request.batch_size,
        device=request.device_index,
        threads=request.threads,
        tf32=request.tf32,
        record=request.record,
    )


def _open_on_cpu(request: ModelRequest) -> Model:
    stages = OnnxRuntimeStages.open(request.bundle, threads=request.threads)
    return HostModel(stages, request.order, upload=_itself, download=_itself)


def _itself(array: FloatArray) -> FloatArray:
    return array


_BEST_FIRST = (
    _engines("tensorrt"),
    _engines("tensorrt-rtx"),
    _Candidate(name="onnxruntime-cuda", backend="onnxruntime", device="cuda", open=_open_on_cuda),
    _Candidate(name="onnxruntime", backend="onnxruntime", device="cpu", open=_open_on_cpu),
)
