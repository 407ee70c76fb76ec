"""The measured model: the demo's, a stand-in of the published size, or the user's."""

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
        checkpoint: None if only the bundle was given.
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

    Outside of a checkout, the demo's model is only the built-in bundle.

    Raises:
        BackendError: building the bundle took longer than `timeout_s` seconds.
        OptionError: the bundle was built from another checkpoint, or packages are missing.
        CheckpointError, ExportError, BundleError: see `diad-export build`.
    """
    standin = checkpoint is None and bundle is None and size == "full"
    if standin:
        check_extras("export")
        checkpoint = scratch / STANDIN_FILE
        echo("creating a model of the published size with random weights")
        apart(_save_standin, checkpoint)
    elif checkpoint is None and bundle is None:
        checkpoint, bundle = _demo_checkpoint(), builtin_bundle()
        if checkpoint is None:
            echo(
                "only the built-in bundle is available: backends that need the trained model "
                "are left out"
            )
    if bundle is None:
        bundle = scratch / "bundle"
        build_apart(checkpoint, bundle, BuildOptions(), echo=echo, timeout_s=timeout_s)
    opened = Bundle.open(bundle)
    if checkpoint is not None:
        _check_origin(opened, str(checkpoint), _origin(checkpoint), option="--bundle")
    return ModelFiles(checkpoint=checkpoint, bundle=opened, standin=standin)


def build_apart(
    checkpoint: Path | None,
    bundle: Path,
    options: BuildOptions,
    *,
    echo: Echo,
    timeout_s: float | None = None,
) -> None:
    """Build a bundle in a separate process.

    Raises:
        OptionError: no checkpoint was given, or packages are missing.
        CheckpointError, ExportError, BundleError: see `diad-export build`.
        BackendError: see `apart`.
    """
    if checkpoint is None:
        raise OptionError("building it needs the trained model; add --checkpoint")
    check_extras("export")
    echo(f"building {bundle.name} from {checkpoint.name}")
    apart(_build, checkpoint, bundle, options, timeout_s=timeout_s)


def _check_origin(bundle: Bundle, name: str, expected: CheckpointOrigin, *, option: str) -> None:
    found = bundle.manifest.checkpoint
    if found.sha256 != expected.sha256:
        raise OptionError(
            f"{bundle.path}: built from {found.name} (SHA-256 {found.sha256[:12]}…), "
            f"expected {name} ({expected.sha256[:12]}…); leave {option} out to build one"
        )


def check_float16(path: Path, bundle: Bundle) -> Path:
    """Check that the bundle at `path` is `bundle` in float16, and return the path.

    Raises:
        OptionError: it was built from another checkpoint, or is not in float16.
        BundleError: the bundle is missing or damaged.
    """
    half, own = Bundle.open(path, verify=False), bundle.manifest.checkpoint
    _check_origin(half, own.name, own, option="--half-bundle")
    precision = half.manifest.graph("denoiser").precision
    if precision != "float16":
        raise OptionError(
            f"{path}: expected graphs in float16, found {precision}; build it with diad-export "
            f"build --precision fp16, or leave --half-bundle out"
        )
    return path


def _demo_checkpoint() -> Path | None:
    """The demo's checkpoint, which exists only in a checkout."""
    demo = find_spec("demo")
    folders = demo.submodule_search_locations if demo is not None else None
    for folder in folders or ():
        path = Path(folder) / "checkpoint.safetensors"
        if path.is_file():
            return path
    return None


def _origin(checkpoint: Path) -> CheckpointOrigin:
    """Name, hash and size; for a single file without importing PyTorch, which takes seconds."""
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
