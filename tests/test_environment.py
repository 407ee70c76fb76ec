"""The runtime needs neither PyTorch nor onnx: not to import, not to run, not to install."""

import os
import re
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

from diad_deploy.bundle.folder import Bundle

ROOT = Path(__file__).parents[1]
LIBRARIES = (
    *("torch", "onnx", "diffusers", "timm", "transformers", "safetensors"),
    *("sklearn", "scipy", "matplotlib"),
)
FORBIDDEN = (*LIBRARIES, "diad_export", "diad_evaluate")

RUN = """
import sys
import numpy as np
from diad_deploy import Detector
with Detector.open(sys.argv[1]) as detector:
    [found] = detector.detect([np.zeros((40, 30, 3), np.uint8)])
import diad_deploy.cli.run, diad_deploy.inspection.inspect, diad_deploy.report.page.render
import diad_deploy.cli.calibrate, diad_deploy.calibration.calibrate
[found.regions(above=0.0)]
{more}
print(*sorted({{name.split(".")[0] for name in sys.modules}}))
"""


def loaded_modules(bundle: Bundle, more: str = "") -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", RUN.format(more=more), str(bundle.path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_a_detection_loads_none_of_the_exports_packages(standin_bundle: Bundle) -> None:
    assert not loaded_modules(standin_bundle) & set(FORBIDDEN)


def test_this_test_can_fail(standin_bundle: Bundle) -> None:
    assert "onnx" in loaded_modules(standin_bundle, more="sys.modules['onnx'] = sys")


def test_the_runtimes_requirements_bring_no_torch() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["cpu"]]
    names = {re.split(r"[<>=~! \[]", need)[0] for need in needed}
    assert not names & set(FORBIDDEN)


@pytest.mark.skipif("DIAD_RUNTIME_ONLY" not in os.environ, reason="`make test-runtime` sets it")
@pytest.mark.parametrize("name", LIBRARIES)
def test_the_runtimes_tests_ran_without(name: str) -> None:
    assert find_spec(name) is None
