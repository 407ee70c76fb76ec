"""The demo's four graphs, in float16, become real engines."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from diad_deploy.bundle.folder import Bundle
from diad_export.cli.commands import command
from tests.diad_export.engines.test_bundle_engines import contents
from tests.float16_bundle import write_float16_bundle

CAPABILITIES = ("7.5", "8.6", "8.9", "12.0")
SELF_ATTENTIONS = {"encoder": 1, "denoiser": 9, "decoder": 1, "scorer": 0}
"""The denoiser's other nine, over the constant context, are two products each."""

TICKS_PER_S = os.sysconf("SC_CLK_TCK")

FEW = ("--batch", "1", "2", "4", "--optimization-level", "0")
RUN = "import sys; sys.path[:] = {path!r}; from diad_export.cli.commands import main; main()"


def arguments(path: Path, *capabilities: str) -> list[str]:
    words = [word for name in capabilities for word in ("--compute-capability", name)]
    return ["engines", str(path), "--target", "tensorrt-rtx", *FEW, *words]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    path = tmp_path_factory.mktemp("demo") / "bundle"
    write_float16_bundle(path)
    # one engine per graph for all tests
    result = CliRunner().invoke(command, arguments(path, *CAPABILITIES), catch_exceptions=False)
    assert result.exit_code == 0
    return Bundle.open(path)


def test_every_graph_has_an_engine_of_its_precision(built: Bundle) -> None:
    for graph in built.manifest.graphs:
        spec = built.manifest.engine("tensorrt-rtx", graph.name)
        assert spec is not None
        assert spec.compute_capabilities == CAPABILITIES
        assert (spec.profile.smallest, spec.profile.tuned, spec.profile.largest) == (1, 2, 4)
        assert spec.precision == "float16"
        counts = spec.layers.by_type
        assert counts.get("float32", 0) == len(spec.layers.float32)
        assert counts["float16"] > counts.get("float32", 0)
        assert spec.layers.fused_attentions == SELF_ATTENTIONS[graph.name]


def test_inspect_shows_a_line_for_each_engine(built: Bundle) -> None:
    result = CliRunner().invoke(command, ["inspect", str(built.path)], catch_exceptions=False)
    [line] = [text for text in result.output.splitlines() if "denoiser engine" in text]
    for words in ("tensorrt-rtx 1.", "8.6, 8.9", "batch 1 to 4", "tuned for 2", "in float16"):
        assert words in line
    raw = CliRunner().invoke(command, ["inspect", str(built.path), "--json"])
    assert len(json.loads(raw.output)["manifest"]["engines"]) == 4


def wait_for_work(pid: int, cpu_s: float) -> None:
    """Until the child process of `pid`, which builds an engine, has worked for so long."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    while not (found := children.read_text().split()):
        time.sleep(0.01)
    # user and system time are the 14th and 15th value, of which the second may hold spaces
    stat = Path(f"/proc/{found[0]}/stat")
    while sum(map(int, stat.read_text().rpartition(")")[2].split()[11:13])) < cpu_s * TICKS_PER_S:
        time.sleep(0.01)


def test_ctrl_c_ends_a_build_and_leaves_the_bundle(built: Bundle) -> None:
    before = contents(built.path.parent)
    process = subprocess.Popen(
        [sys.executable, "-c", RUN.format(path=sys.path), *arguments(built.path, "8.9")],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert process.stderr.readline().startswith("encoder engine: ")
    # during the denoiser's build, which takes seconds
    wait_for_work(process.pid, 1.5)
    process.send_signal(signal.SIGINT)
    _, complaints = process.communicate(timeout=60)
    assert process.returncode == 130
    assert complaints.strip() == "diad-export: interrupted"
    assert contents(built.path.parent) == before
