"""Every command explains itself without the extras, and names the ones that it needs."""

import json
import subprocess
import sys

import pytest

from diad_benchmarks.cli.run import command
from diad_deploy.cli import extras
from diad_deploy.errors import OptionError

COMMANDS = {
    "": (["-o", "out"], "benchmarks"),
    "compare": (["a.json", "b.json"], "benchmarks"),
    "ladder": ([], "benchmarks,export"),
    "savings": ([], "benchmarks,export"),
    "soak": ([], "benchmarks"),
    "cuda-options": (["bundle", "-o", "o.json"], None),
    "evaluation-metrics": ([], "benchmarks,evaluate"),
    "gpu": ([], "benchmarks,export"),
}
"""Arguments of each command, and the extras that it needs."""

BARE = """
import sys

ABSENT = (
    "torch", "onnx", "onnxscript", "openvino", "diffusers", "timm", "transformers", "safetensors",
    "scipy", "sklearn", "matplotlib", "psutil", "cpuinfo", "pynvml", "demo",
)
for name in ABSENT:
    sys.modules[name] = None  # an import of it fails, as if it were not installed
"""
RUN_ALL = """
import json
from click.testing import CliRunner
from diad_benchmarks.cli.run import command

found = {}
for name, arguments in json.loads(sys.argv[1]).items():
    words = [name] if name else []
    explained = CliRunner().invoke(command, [*words, "--help"])
    ran = CliRunner().invoke(command, [*words, *arguments])
    found[name] = (explained.exit_code, explained.output, repr(ran.exception))
print(json.dumps(found))
"""


def run_bare(code: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", BARE + code, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_command_is_known() -> None:
    assert {"", *command.commands} == set(COMMANDS)


def test_without_extras_help_works_and_running_names_them() -> None:
    arguments = {name: words for name, (words, _) in COMMANDS.items()}
    done = run_bare(RUN_ALL, json.dumps(arguments))
    assert done.returncode == 0, done.stderr
    for name, (status, output, error) in json.loads(done.stdout).items():
        assert status == 0, output
        assert "Example" in output
        needed = COMMANDS[name][1]
        if needed is not None:
            assert error.startswith("OptionError('not installed: ")
            assert f'pip install "diad_deploy[{needed}]"' in error


@pytest.mark.parametrize("words", [["ladder"], ["-o", "out"]])
def test_a_missing_extra_is_one_line_and_status_2(words: list[str]) -> None:
    code = "from diad_benchmarks.cli.entry_points import benchmark; benchmark()"
    done = run_bare(code, *words)
    assert done.returncode == 2
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith("diad-benchmark: not installed: ")


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    extras.check_extras(*extras.EXTRAS)
    monkeypatch.setitem(extras.EXTRAS, "benchmarks", {"no_such_module": "Nothing"})
    with pytest.raises(OptionError) as raised:
        extras.check_extras("export", "benchmarks")
    assert str(raised.value) == (
        'not installed: Nothing; pip install "diad_deploy[export,benchmarks]"'
    )
