"""What a detector needs before it runs: the loaded model, and the reader of images."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from diad_deploy.backends import ModelRequest, OpenedModel, open_model
from diad_deploy.bundle.folder import THRESHOLDS_NAME, Bundle
from diad_deploy.detector.options import ModelOptions
from diad_deploy.diffusion.pipeline import in_order
from diad_deploy.diffusion.schedule import ddim_steps
from diad_deploy.errors import BundleError
from diad_deploy.images.formats.white_level import resolve_white
from diad_deploy.images.options import ImageOptions
from diad_deploy.images.reader import ImageReader
from diad_deploy.log import get_logger
from diad_deploy.thresholds.file import Thresholds, scoring_sha256

log = get_logger(__name__)

Opened = TypeVar("Opened")


def load_model(bundle: Bundle, options: ModelOptions) -> OpenedModel:
    """The bundle's graphs, loaded by the best backend of those asked for."""
    began = time.perf_counter()
    request = ModelRequest(
        bundle=bundle,
        order=in_order(ddim_steps(bundle.manifest.schedule)),
        threads=options.threads,
        batch_size=options.batch_size,
        tf32=options.tf32,
    )
    opened = open_model(request, backend=options.backend, device=options.device)
    log.info(
        "loaded %s with %s on %s in %.1f s (%s); batch size %d, threads %s, at most %d pending",
        bundle.path,
        opened.backend,
        ", ".join(opened.devices),
        time.perf_counter() - began,
        opened.reason,
        options.batch_size,
        options.threads or "auto",
        opened.model.max_pending,
    )
    return opened


def open_again(
    opens: Callable[..., Opened], path: Path, scoring: str, arguments: dict[str, Any]
) -> Opened:
    """Open the detector that was pickled, with `Detector.open` as `opens`.

    Raises:
        BundleError: another model lies at `path`, or as for `Detector.open`.
        OptionError, BackendError: as for `Detector.open`.
    """
    bundle = Bundle.open(path)
    found = scoring_sha256(bundle.manifest)
    if found != scoring:
        raise BundleError(
            f"{path}: another bundle than the detector was opened with before it was pickled "
            f"(expected {scoring[:12]}…, found {found[:12]}…); open it again with Detector.open"
        )
    return opens(bundle, **arguments)


def open_reader(options: ImageOptions, thresholds: Thresholds | None) -> ImageReader:
    """A reader whose white level is that of the thresholds, where there are any.

    Raises:
        OptionError: the options give another white level.
    """
    kept = None if thresholds is None else thresholds.white_level
    level = resolve_white(options.white, kept, where=THRESHOLDS_NAME)
    return ImageReader(level, limit_px=options.limit_px)
