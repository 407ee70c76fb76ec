"""ONNX Runtime's telemetry is off before it is imported, in every process, whoever imports it.

A package's `__init__` runs before each of its modules, and child processes inherit the variable.
So it is enough that each package sets it, and that no file outside of them imports onnxruntime.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diad_deploy.bundle.folder import Bundle

ROOT = Path(__file__).parents[1]
FOLDERS = (ROOT, ROOT / "export", ROOT / "evaluation")
PACKAGES = sorted(init.parent.name for folder in FOLDERS for init in folder.glob("*/__init__.py"))
SAY = "import os; print(os.environ.get('ORT_DISABLE_TELEMETRY'))"
RUN = """
import os, sys
class Watch:
    def find_spec(self, name, *more):
        if name == "onnxruntime":
            print("onnxruntime", os.environ.get("ORT_DISABLE_TELEMETRY"), file=sys.stderr)
sys.meta_path.insert(0, Watch())
from diad_deploy.cli.run import main
main()
"""


def python(code: str, *arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value
        for name, value in os.environ.items()
        if name != "ORT_DISABLE_TELEMETRY" and not name.startswith("XDG_")
    }
    environment["PYTHONPATH"] = os.pathsep.join(map(str, FOLDERS))
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        env={**environment, **variables},
        capture_output=True,
        text=True,
        check=True,
    )


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_turns_it_off(package: str) -> None:
    assert python(SAY).stdout == "None\n", "not the environment, nor a start-up file"
    assert python(f"import {package}; {SAY}").stdout == "1\n"


def test_a_users_own_setting_stays() -> None:
    assert python(f"import diad_deploy; {SAY}", ORT_DISABLE_TELEMETRY="0").stdout == "0\n"


def test_no_file_outside_the_packages_imports_it() -> None:
    outside = [*ROOT.glob("*.py"), *(ROOT / "examples").rglob("*.py")]
    assert outside
    assert not [path for path in outside if "onnxruntime" in path.read_text()]


def test_a_run_leaves_a_fresh_home_empty(standin_bundle: Bundle, tmp_path: Path) -> None:
    photos, home = tmp_path / "photos", tmp_path / "home"
    photos.mkdir()
    home.mkdir()
    for index in range(3):
        Image.fromarray(np.full((40, 30, 3), 50 * index, np.uint8)).save(photos / f"{index}.png")
    out = tmp_path / "out"
    done = python(RUN, photos, "--bundle", standin_bundle.path, "-o", out, HOME=str(home))
    assert (out / "report.html").exists()
    assert "onnxruntime 1\n" in done.stderr, "set when it was imported"
    assert not list(home.rglob("*"))
