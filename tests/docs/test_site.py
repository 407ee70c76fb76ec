"""The site builds without a warning, loads nothing from a network, and documents public names."""

import importlib
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
[RECIPE] = re.findall(r"python -m sphinx (.*) docs docs/_build", (ROOT / "Makefile").read_text())


def build(source: Path, target: Path) -> subprocess.CompletedProcess[str]:
    """Build as `make docs` does, with the settings of the documentation."""
    options = [*shlex.split(RECIPE), "--conf-dir", str(ROOT / "docs")]
    return subprocess.run(
        [sys.executable, "-m", "sphinx", *options, str(source), str(target)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site") / "html"
    done = build(ROOT / "docs", target)
    assert done.returncode == 0, done.stderr
    return target


def test_nothing_comes_from_a_network(site: Path) -> None:
    pages = "".join(path.read_text() for path in site.rglob("*.html"))
    loaded = re.findall(r"<(?:script|img|iframe)[^>]* src=[\"']([^\"']+)", pages)
    loaded += re.findall(r"<link[^>]* href=[\"']([^\"']+)", pages)
    assert len(loaded) > 100
    assert not [address for address in loaded if re.match(r"(https?:)?//", address)]
    styles = "".join(path.read_text() for path in site.rglob("*.css"))
    assert not re.findall(r"@import|url\([\"']?(?:https?:)?//", styles)


@pytest.mark.parametrize("package", ["diad_deploy", "diad_export", "diad_evaluate"])
def test_public_names_are_documented(package: str, site: Path) -> None:
    page = (site / "reference" / f"{package}.html").read_text()
    names = getattr(importlib.import_module(package), "__all__", ())
    assert not [
        name for name in names if not name.startswith("__") and f'id="{package}.{name}"' not in page
    ]


@pytest.mark.parametrize("program", ["run", "export", "calibrate", "evaluate", "benchmark"])
def test_commands_are_documented(program: str, site: Path) -> None:
    page = (site / "reference" / "commands.html").read_text()
    assert f"cmdoption-diad-{program}-" in page


def test_what_is_wrong_fails(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "index.md").write_text(
        "# Page\n\n[lost](nowhere.md)\n\n"
        "```{eval-rst}\n.. autoclass:: tests.docs.undocumented.Undocumented\n```\n"
    )
    done = build(source, tmp_path / "html")
    assert done.returncode != 0
    assert "nowhere.md" in done.stderr
    assert "class tests.docs.undocumented.Undocumented has no docstring" in done.stderr
    assert "method tests.docs.undocumented.Undocumented.method has no docstring" in done.stderr
    assert "tests.docs.undocumented.Undocumented: its docstring has no field" in done.stderr
