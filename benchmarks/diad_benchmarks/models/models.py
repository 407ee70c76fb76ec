"""The model that is measured: the demo's, a stand-in of the published size, or the user's."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import TypeVar

import demo
from diad_benchmarks.plan import Size
from diad_deploy.bundle.folder import Bundle, builtin_bundle
from diad_deploy.bundle.manifest import CheckpointOrigin
from diad_deploy.errors import BackendError, InputError, OptionError
from diad_export.options import BuildOptions

T = TypeVar("T")
Tell = Callable[[str], None]

DEMO_CHECKPOINT = Path(demo.__file__).with_name("checkpoint.safetensors")
STANDIN_FILE = "standin.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelFiles:
    """A checkpoint and the bundle built from it; `standin` where its weights are random."""

    checkpoint: Path
    bundle: Bundle
    standin: bool


def find_model(
    size: Size,
    *,
    checkpoint: Path | None,
    bundle: Path | None,
    scratch: Path,
    tell: Tell,
    timeout_s: float | None = None,
) -> ModelFiles:
    """What the user gave, the demo's, or a stand-in in `scratch`; a bundle is built if need be.

    Raises:
        BackendError: building it took longer than `timeout_s`.
        OptionError: a bundle without its checkpoint, or one that was built from another.
        InputError: the demo's checkpoint is not part of this installation.
        CheckpointError, ExportError, BundleError: as of `diad-export build`.
    """
    if bundle is not None and checkpoint is None:
        raise OptionError("--bundle needs the --checkpoint that it was built from; name both")
    standin = checkpoint is None and size == "full"
    if standin:
        checkpoint = scratch / STANDIN_FILE
        tell("making a model of the published size with random weights")
        apart(_save_standin, checkpoint)
    elif checkpoint is None:
        checkpoint, bundle = DEMO_CHECKPOINT, builtin_bundle()
        if not checkpoint.is_file():
            raise InputError(
                f"{checkpoint}: the demo's checkpoint is not there; run this in a clone of the "
                f"repository, or name a model with --checkpoint"
            )
    if bundle is None:
        bundle = scratch / "bundle"
        build_apart(checkpoint, bundle, BuildOptions(), tell=tell, timeout_s=timeout_s)
    opened = Bundle.open(bundle)
    check_origin(opened, checkpoint, _origin(checkpoint))
    return ModelFiles(checkpoint=checkpoint, bundle=opened, standin=standin)


def build_apart(
    checkpoint: Path,
    bundle: Path,
    options: BuildOptions,
    *,
    tell: Tell,
    timeout_s: float | None = None,
) -> None:
    """Build a bundle in a process of its own, whose memory is free again afterwards.

    Raises:
        CheckpointError, ExportError, BundleError: as of `diad-export build`.
        BackendError: as of `apart`.
    """
    tell(f"building {bundle.name} from {checkpoint.name}")
    apart(_build, checkpoint, bundle, options, timeout_s=timeout_s)


def apart(function: Callable[..., T], *arguments: object, timeout_s: float | None = None) -> T:
    """Call `function` in a process of its own.

    Raises:
        BackendError: the process died, or took longer than `timeout_s`. What the function raises
            is raised.
    """
    name = function.__name__.strip("_").replace("_", " ")
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        pending = pool.submit(function, *arguments)
        try:
            return pending.result(timeout=timeout_s)
        except BrokenProcessPool as error:
            raise BackendError(
                f"{name}: its process died; if memory ran out, free some and start again"
            ) from error
        except TimeoutError:
            if pending.done():  # the function's own
                raise
            # the pool has no other way to stop what runs
            for child in active_children():
                child.kill()
            raise BackendError(
                f"{name}: stopped after {timeout_s or 0:.0f} s, which were left of the run's time; "
                f"give it more with --minutes, or name a bundle that was built before"
            ) from None


def check_origin(bundle: Bundle, checkpoint: Path, found: CheckpointOrigin) -> None:
    """Check that `bundle` was built from `checkpoint`, which is `found`.

    Raises:
        OptionError: it was not.
    """
    expected = bundle.manifest.checkpoint
    if expected.sha256 != found.sha256:
        raise OptionError(
            f"{bundle.path}: built from {expected.name} (SHA-256 {expected.sha256[:12]}…), "
            f"expected {checkpoint} ({found.sha256[:12]}…); leave --bundle out to build one"
        )


def check_float16(path: Path, bundle: Bundle) -> Path:
    """Check that the bundle at `path` is `bundle` in float16; the path.

    Raises:
        OptionError: it was built from another checkpoint, or is not in float16.
        BundleError: there is none, or it is damaged.
    """
    half = Bundle.open(path, verify=False).manifest
    own = bundle.manifest.checkpoint
    if half.checkpoint.sha256 != own.sha256:
        raise OptionError(
            f"{path}: built from {half.checkpoint.name} (SHA-256 {half.checkpoint.sha256[:12]}…), "
            f"expected {own.name} ({own.sha256[:12]}…); leave --half-bundle out to build one"
        )
    precision = half.graph("denoiser").precision
    if precision != "float16":
        raise OptionError(
            f"{path}: expected graphs in float16, found {precision}; build it with diad-export "
            f"build --precision fp16, or leave --half-bundle out"
        )
    return path


def _origin(checkpoint: Path) -> CheckpointOrigin:
    """Its name, hash and size; of one file without PyTorch, which takes seconds to import."""
    if not checkpoint.is_file():
        return apart(_read_origin, checkpoint)
    with checkpoint.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    size = checkpoint.stat().st_size
    return CheckpointOrigin(name=checkpoint.name, sha256=digest, size_bytes=size)


def _read_origin(checkpoint: Path) -> CheckpointOrigin:
    from diad_export.checkpoint.read import read_checkpoint

    return read_checkpoint(checkpoint).origin


def _save_standin(path: Path) -> None:
    import torch

    from diad_benchmarks.models.standin import make_standin
    from diad_export.checkpoint.weights import save_checkpoint
    from diad_export.model.sizes import PUBLISHED
    from diad_export.options import Recommended

    save_checkpoint(make_standin(PUBLISHED), path, Recommended(), dtype=torch.float32)


def _build(checkpoint: Path, bundle: Path, options: BuildOptions) -> None:
    from diad_export.build import build

    build(checkpoint, bundle, options)
