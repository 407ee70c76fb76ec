"""The help of `diad-run` is complete, and fast."""

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


def test_help_imports_few_modules() -> None:
    """Their number decides how long help takes: 128 modules take about 0.1 s."""
    counted = HELP + "    print(len(sys.modules), file=sys.stderr)\n"
    assert 50 < int(python(counted, "--help").stderr.splitlines()[-1]) < 200


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
