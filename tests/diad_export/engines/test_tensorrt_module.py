"""Every name of TensorRT that is used exists, and a missing TensorRT is one line."""

import os
import re
import subprocess
import sys
from functools import reduce
from pathlib import Path

import pytest

from diad_deploy.errors import BackendError
from diad_export.engines.tensorrt_module import RTX_USED_NAMES, USED_NAMES, load_tensorrt

SOURCE = Path(__file__).parents[3] / "export/diad_export/engines"


@pytest.mark.parametrize("name", [*USED_NAMES, *RTX_USED_NAMES])
def test_rtx_has_every_name_that_is_used(name: str) -> None:
    import tensorrt_rtx

    assert reduce(getattr, name.split("."), tensorrt_rtx) is not None


def test_the_list_has_every_name_in_the_code() -> None:
    listed = {part for name in (*USED_NAMES, *RTX_USED_NAMES) for part in name.split(".")}
    for file in ("one_engine.py", "messages.py", "monitor.py"):
        text = (SOURCE / file).read_text()
        used = re.findall(r"\bmodule\.([A-Z]\w*(?:\.[A-Z]\w*)*)", text)
        assert used, file
        for name in used:
            assert set(name.split(".")) <= listed, f"{file}: {name}"


def test_a_missing_tensorrt_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    monkeypatch.setenv("POLYGRAPHY_USE_TENSORRT_RTX", "1")
    with pytest.raises(BackendError, match=r'pip install "diad_deploy\[cpu,export,tensorrt\]"'):
        load_tensorrt("tensorrt")
    assert "POLYGRAPHY_USE_TENSORRT_RTX" not in os.environ


def test_the_worker_loads_no_torch() -> None:
    code = "import sys, diad_export.engines.worker; print('torch' in sys.modules)"
    path = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "False"
