"""The model that is measured: the demo's, a stand-in of the published size, or the user's."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from diad_benchmarks.measure.apart import apart
from diad_benchmarks.plan import Size
from diad_deploy.bundle.folder import Bundle, builtin_bundle
from diad_deploy.bundle.manifest import CheckpointOrigin
from diad_deploy.cli.extras import check_extras
from diad_deploy.errors import OptionError
from diad_export.options import BuildOptions

Echo = Callable[[str], None]
STANDIN_FILE = "standin.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelFiles:
    """A bundle and the checkpoint that it was built from.

    Attributes:
        checkpoint: None if only the bundle is here.
        standin: whether its weights are random.
    """

    checkpoint: Path | None
    bundle: Bundle
    standin: bool = False


def find_model(
    size: Size,
    *,
    checkpoint: Path | None,
    bundle: Path | None,
    scratch: Path,
    echo: Echo,
    timeout_s: float | None = None,
) -> ModelFiles:
    """The user's model, the demo's, or a stand-in in `scratch`; builds its bundle if necessary.

    Without a checkout, the demo's is the built-in bundle alone.

    Raises:
        BackendError: building it took longer than `timeout_s` seconds.
        OptionError: the bundle was built from another checkpoint, or packages are missing.
        CheckpointError, ExportError, BundleError: see `diad-export build`.
    """
    standin = checkpoint is None and bundle is None and size == "full"
    if standin:
        check_extras("export")
        checkpoint = scratch / STANDIN_FILE
        echo("making a model of the published size with random weights")
        apart(_save_standin, checkpoint)
    elif checkpoint is None and bundle is None:
        checkpoint, bundle = _demo_checkpoint(), builtin_bundle()
        if checkpoint is None:
            echo("the built-in bundle alone: what needs the trained model is left out")
    if bundle is None:
        bundle = scratch / "bundle"
        build_apart(checkpoint, bundle, BuildOptions(), echo=echo, timeout_s=timeout_s)
    opened = Bundle.open(bundle)
    if checkpoint is not None:
        check_origin(opened, checkpoint, _origin(checkpoint))
    return ModelFiles(checkpoint=checkpoint, bundle=opened, standin=standin)


def build_apart(
    checkpoint: Path | None,
    bundle: Path,
    options: BuildOptions,
    *,
    echo: Echo,
    timeout_s: float | None = None,
) -> None:
    """Build a bundle in a process of its own.

    Raises:
        OptionError: there is no checkpoint, or packages are missing.
        CheckpointError, ExportError, BundleError: see `diad-export build`.
        BackendError: see `apart`.
    """
    if checkpoint is None:
        raise OptionError("building it needs the trained model; name it with --checkpoint")
    check_extras("export")
    echo(f"building {bundle.name} from {checkpoint.name}")
    apart(_build, checkpoint, bundle, options, timeout_s=timeout_s)


def check_origin(bundle: Bundle, checkpoint: Path, found: CheckpointOrigin) -> None:
    """Check that `bundle` was built from `checkpoint`, whose origin is `found`.

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
    """Check that the bundle at `path` is `bundle` in float16, and return the path.

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


def _demo_checkpoint() -> Path | None:
    """The demo's checkpoint, which only a checkout has."""
    demo = find_spec("demo")
    folders = demo.submodule_search_locations if demo is not None else None
    for folder in folders or ():
        path = Path(folder) / "checkpoint.safetensors"
        if path.is_file():
            return path
    return None


def _origin(checkpoint: Path) -> CheckpointOrigin:
    """Name, hash and size; of a single file without PyTorch, whose import takes seconds."""
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
