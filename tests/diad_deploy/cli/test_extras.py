"""Commands name the packages that are missing, and the extra that installs them."""

import subprocess
import sys

import pytest

from diad_deploy.cli import extras
from diad_deploy.errors import OptionError

BLOCKED = """
import sys
from importlib.machinery import PathFinder

class Block:
    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in blocked else PathFinder.find_spec(name, path)

blocked = set({blocked!r})
sys.meta_path[:] = [one for one in sys.meta_path if one is not PathFinder] + [Block()]
sys.argv = {arguments!r}
from {module}.cli.entry_points import {entry}
{entry}()
"""


def test_what_is_missing_is_named_with_the_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(extras.EXTRAS, "evaluate", {"no_such_module": "Nothing", "sys": "Python"})
    with pytest.raises(OptionError) as raised:
        extras.check_extras("evaluate")
    assert str(raised.value) == 'not installed: Nothing; pip install "diad_deploy[evaluate]"'


@pytest.mark.parametrize(
    ("module", "entry", "words", "extra"),
    [
        ("diad_export", "export", ["build", "model.ckpt", "-o", "bundle"], "export"),
        ("diad_export", "export", ["engines", "bundle", "--target", "tensorrt-rtx"], "export"),
        ("diad_export", "export", ["inspect", "bundle"], "export"),
        ("diad_export", "export", ["verify", "bundle", "--images", "images"], "export"),
        ("diad_evaluate", "evaluate", ["images", "--bundle", "bundle", "-o", "out"], "evaluate"),
    ],
)
def test_a_command_without_its_extra_ends_in_one_line(
    module: str, entry: str, words: list[str], extra: str
) -> None:
    blocked = [name for packages in extras.EXTRAS.values() for name in packages]
    code = BLOCKED.format(
        blocked=blocked, arguments=[f"diad-{entry}", *words], module=module, entry=entry
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"diad-{entry}: not installed: ")
    assert done.stderr.endswith(f'; pip install "diad_deploy[{extra}]"\n')
    assert done.stderr.count("\n") == 1
