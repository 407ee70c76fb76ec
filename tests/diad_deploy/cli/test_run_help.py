"""The help of `diad-run` is complete, and fast."""

import time

import pytest

from diad_deploy import __version__
from tests.diad_deploy.cli.run_case import python

HELP = """
import sys
from diad_deploy.cli.run import main
try:
    main()
finally:
    heavy = ["numpy", "PIL", "cv2", "rich", "jinja2", "pydantic", "onnxruntime", "torch", "onnx"]
    print([name for name in heavy if name in sys.modules], file=sys.stderr)
"""


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_loads_nothing_heavy(argument: str) -> None:
    done = python(HELP, argument)
    assert done.returncode == 0
    assert done.stderr == "[]\n"


def test_the_test_for_heavy_imports_can_fail() -> None:
    assert python("import numpy\n" + HELP, "--help").stderr == "['numpy']\n"


def test_help_comes_within_half_a_second() -> None:
    times = []
    for _ in range(3):
        began = time.perf_counter()
        python(HELP, "--help")
        times.append(time.perf_counter() - began)
    assert min(times) < 0.5


def test_help_explains_each_option_and_has_an_example() -> None:
    out = python(HELP, "--help").stdout
    assert "diad-run parts/ --bundle bundle -o out" in out
    options = "bundle output backend batch-size threads workers scale maps resume force json demo "
    options += "version threshold thresholds class fail-on-defect"
    for option in options.split():
        assert f"--{option}" in out
    assert "\x08" not in out


def test_version() -> None:
    assert python(HELP, "--version").stdout == f"diad-run, version {__version__}\n"
