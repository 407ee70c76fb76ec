"""Choice of the backend and devices that run a bundle."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace

from diad_deploy.arrays import FloatArray
from diad_deploy.backends.devices import AUTO, Kind, device_name, parse_devices, resolve_indices
from diad_deploy.backends.host_model import HostModel
from diad_deploy.backends.onnxruntime.cpu import OnnxRuntimeStages
from diad_deploy.backends.onnxruntime.cuda import open_onnxruntime_cuda
from diad_deploy.backends.several_devices import SharedModel, with_device
from diad_deploy.backends.tensorrt.engine_files import has_engines
from diad_deploy.backends.tensorrt.model import open_tensorrt
from diad_deploy.backends.tracebacks import clear_frames
from diad_deploy.bundle.engine_spec import Target
from diad_deploy.bundle.folder import Bundle
from diad_deploy.diffusion.stages import Model, Pipeline
from diad_deploy.errors import BackendError, OptionError
from diad_deploy.log import get_logger

log = get_logger(__name__)

BACKENDS = ("onnxruntime", "tensorrt", "tensorrt-rtx")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """The model to open, with the options of `Detector.open`.

    Attributes:
        bundle: an opened bundle.
        pipeline: runs the stages on a batch.
        threads: threads per operator on the CPU; None for the cores this process may use.
        batch_size: largest number of images per batch.
        device_index: index of the GPU; ignored on the CPU.
        tf32: whether ONNX Runtime on CUDA multiplies float32 in TF32.
        cuda_graphs: whether ONNX Runtime on CUDA captures batches in CUDA graphs.
    """

    bundle: Bundle
    pipeline: Pipeline
    threads: int | None
    batch_size: int
    device_index: int = 0
    tf32: bool = False
    cuda_graphs: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OpenedModel:
    """An opened model and how it was chosen.

    Attributes:
        model: the model; with several devices, a `SharedModel` of one model per device.
        backend: name of the backend.
        devices: names of the devices: `cpu`, or `cuda:0` and so on.
        reason: why the backend was chosen.
    """

    model: Model
    backend: str
    devices: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    """A backend on a kind of device.

    Attributes:
        name: the backend's name in the record of a run.
        backend: the value of `--backend`.
        device: `cpu` or `cuda`.
        open: opens a model.
        supports: whether a bundle contains what the backend runs.
    """

    name: str
    backend: str
    device: str
    open: Callable[[ModelRequest], Model]
    supports: Callable[[Bundle], bool] = lambda bundle: True


def check_choice(backend: str, device: str) -> None:
    """Check that the backend and the device exist and can be combined.

    Raises:
        OptionError: one of them is unknown, or they cannot be combined.
    """
    if backend not in (AUTO, *BACKENDS):
        raise OptionError(f"backend {backend!r}: expected one of {', '.join((AUTO, *BACKENDS))}")
    kind = parse_devices(device).kind
    if not _candidates(backend, kind):
        raise OptionError(
            f"backend {backend!r} does not run on device {device!r}; use --device cuda, or "
            f"--backend onnxruntime"
        )


def open_model(request: ModelRequest, *, backend: str, device: str) -> OpenedModel:
    """Open the best of the requested backends that the bundle and the machine support.

    They are tried in this order: TensorRT, TensorRT-RTX, ONNX Runtime on CUDA, ONNX Runtime on the
    CPU. With several devices, each one gets its own model of the same backend.

    Args:
        request: the model to open; its `device_index` is replaced according to `device`.
        backend, device: as in `Detector.open`.

    Raises:
        OptionError: the backend or device is unknown, they cannot be combined, or there is no such
            device.
        BackendError: no backend can run; the message lists the reason of each.
        BundleDamagedError: a graph or engine differs from the manifest.
    """
    check_choice(backend, device)
    devices = parse_devices(device)
    indices = resolve_indices(devices)
    candidates = _candidates(backend, devices.kind)
    rejected: list[str] = []
    hint = "use --device cpu"
    for candidate in candidates:
        if len(candidates) > 1 and not candidate.supports(request.bundle):
            rejected.append(f"{candidate.name}: no engines for it in the bundle")
            log.info("skipped %s", rejected[-1])
            continue
        try:
            model = _open(candidate, request, indices)
        except BackendError as error:
            if len(candidates) == 1:
                raise
            reason, hint = _split_hint(error)
            rejected.append(f"{candidate.name}: {reason}")
            log.info("skipped %s", rejected[-1])
            continue
        return OpenedModel(
            model=model,
            backend=_recorded_name(candidate, request),
            devices=_device_names(candidate, indices),
            reason=_reason(candidates, rejected),
        )
    raise BackendError(
        f"nothing runs {request.bundle.path} with backend {backend} on device {device}: "
        f"{'; '.join(rejected)}; {hint}"
    )


def _split_hint(error: BackendError) -> tuple[str, str]:
    """The reason and the hint of a message, in which the hint follows the last semicolon."""
    reason, _, hint = str(error).rpartition("; ")
    return (reason, hint) if reason else (hint, "use --device cpu")


def _open(candidate: _Candidate, request: ModelRequest, indices: tuple[int, ...]) -> Model:
    try:
        return _open_on_devices(candidate, request, indices)
    except BaseException as error:
        # free the memory of what failed to open before the next candidate is tried
        clear_frames(error)
        raise


def _open_on_devices(
    candidate: _Candidate, request: ModelRequest, indices: tuple[int, ...]
) -> Model:
    """A model; with several devices, a `SharedModel` of one model per device."""
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


def _recorded_name(candidate: _Candidate, request: ModelRequest) -> str:
    """The name in the record of a run; TF32 gives other scores, which must not be mixed."""
    tf32 = request.tf32 and candidate.name == "onnxruntime-cuda"
    return f"{candidate.name}-tf32" if tf32 else candidate.name


def _device_names(candidate: _Candidate, indices: tuple[int, ...]) -> tuple[str, ...]:
    return ("cpu",) if candidate.device == "cpu" else tuple(map(device_name, indices))


def _candidates(backend: str, kind: Kind) -> list[_Candidate]:
    return [
        candidate
        for candidate in _BEST_FIRST
        if backend in (AUTO, candidate.backend) and kind in (AUTO, candidate.device)
    ]


def _reason(candidates: list[_Candidate], rejected: list[str]) -> str:
    if len(candidates) == 1:
        return "requested"
    if rejected:
        return f"not {'; not '.join(rejected)}"
    return "the best that the bundle and the machine support"


def _engines(target: Target) -> _Candidate:
    def open_engines(request: ModelRequest) -> Model:
        return open_tensorrt(
            request.bundle,
            target=target,
            pipeline=request.pipeline,
            batch_size=request.batch_size,
            device=request.device_index,
        )

    return _Candidate(
        name=target,
        backend=target,
        device="cuda",
        open=open_engines,
        supports=lambda bundle: has_engines(bundle, target),
    )


def _open_on_cuda(request: ModelRequest) -> Model:
    return open_onnxruntime_cuda(
        request.bundle,
        pipeline=request.pipeline,
        batch_size=request.batch_size,
        device=request.device_index,
        threads=request.threads,
        tf32=request.tf32,
        cuda_graphs=request.cuda_graphs,
    )


def _open_on_cpu(request: ModelRequest) -> Model:
    stages = OnnxRuntimeStages.open(request.bundle, threads=request.threads)
    return HostModel(stages, request.pipeline, upload=_identity, download=_identity)


def _identity(array: FloatArray) -> FloatArray:
    return array


_BEST_FIRST = (
    _engines("tensorrt"),
    _engines("tensorrt-rtx"),
    _Candidate(name="onnxruntime-cuda", backend="onnxruntime", device="cuda", open=_open_on_cuda),
    _Candidate(name="onnxruntime", backend="onnxruntime", device="cpu", open=_open_on_cpu),
)
