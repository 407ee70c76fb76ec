"""The demo's four graphs, in whatever precision they are, become real engines."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from diad_deploy.bundle import Bundle, builtin_bundle
from diad_export.cli import command
from tests.diad_export.engines.test_bundle_engines import contents

HALF_CAPABILITIES = ("7.5", "8.6", "8.9", "12.0")
SINGLE_CAPABILITIES = ("8.6", "8.9", "12.0")
"""TensorRT-RTX multiplies no float32 matrices on 7.5."""

RUN = "import sys; sys.path[:] = {path!r}; from diad_export.cli import main; main()"


def arguments(path: Path, *capabilities: str) -> list[str]:
    words = [word for name in capabilities for word in ("--compute-capability", name)]
    return ["engines", str(path), "--target", "tensorrt-rtx", "--batch", "1", "2", "4", *words]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    path = tmp_path_factory.mktemp("demo") / "bundle"
    shutil.copytree(builtin_bundle(), path)
    halves = {g.precision for g in Bundle.open(path).manifest.graphs} == {"float16"}
    capabilities = HALF_CAPABILITIES if halves else SINGLE_CAPABILITIES
    result = CliRunner().invoke(command, arguments(path, *capabilities), catch_exceptions=False)
    assert result.exit_code == 0
    return Bundle.open(path)


def test_every_graph_has_an_engine_of_its_precision(built: Bundle) -> None:
    for graph in built.manifest.graphs:
        spec = built.manifest.engine("tensorrt-rtx", graph.name)
        assert spec is not None
        assert set(SINGLE_CAPABILITIES) <= set(spec.compute_capabilities)
        assert (spec.profile.smallest, spec.profile.tuned, spec.profile.largest) == (1, 2, 4)
        assert spec.precision == graph.precision
        counts = spec.layers.by_type
        assert counts["float32"] == len(spec.layers.float32)
        if graph.precision == "float16":
            assert counts["float16"] > counts["float32"]
            assert spec.layers.fused_attentions > 0 or graph.name == "scorer"
        else:
            assert set(counts) <= {"float32", "other"}


def test_inspect_shows_an_engine_a_line(built: Bundle) -> None:
    shown = CliRunner().invoke(command, ["inspect", str(built.path)], catch_exceptions=False)
    [line] = [text for text in shown.output.splitlines() if "denoiser engine" in text]
    for words in ("tensorrt-rtx 1.", "8.6, 8.9", "batch 1 to 4", "tuned for 2", "in float16"):
        assert words in line
    raw = CliRunner().invoke(command, ["inspect", str(built.path), "--json"])
    assert len(json.loads(raw.output)["manifest"]["engines"]) == 4


def test_ctrl_c_ends_a_build_and_leaves_the_bundle(built: Bundle) -> None:
    before = contents(built.path.parent)
    process = subprocess.Popen(
        [sys.executable, "-c", RUN.format(path=sys.path), *arguments(built.path, "8.9")],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert process.stderr.readline().startswith("encoder engine: ")
    # into the denoiser's build, which takes seconds
    time.sleep(2.0)
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, complaints = process.communicate(timeout=60)
    assert process.returncode == 130
    assert complaints.strip() == "diad-export: interrupted"
    assert time.monotonic() - start < 10
    assert contents(built.path.parent) == before
