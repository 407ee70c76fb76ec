"""Real engines for the machine's GPU, built by the project's own builder."""

import shutil
from pathlib import Path

import pytest

from diad_deploy.bundle.engine_spec import BatchProfile, Target
from diad_deploy.bundle.folder import Bundle
from diad_deploy.errors import OptionError


def build_engines(bundle: Bundle, destination: Path, target: Target, *, largest: int) -> Bundle:
    """Copy the bundle with engines for batches of 1 to `largest`.

    The test is skipped if TensorRT-RTX does not support this GPU, or the export is missing.
    """
    pytest.importorskip("polygraphy", exc_type=ImportError)
    from diad_export.engines.bundle_engines import add_engines
    from diad_export.engines.options import EngineOptions

    shutil.copytree(bundle.path, destination)
    profile = BatchProfile(smallest=1, tuned=largest, largest=largest)
    try:
        return add_engines(destination, EngineOptions(target=target, profile=profile))
    except OptionError as error:
        pytest.skip(str(error))
