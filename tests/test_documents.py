"""Every command in the documents is run, and every path they name is there."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "demo" / "README.md", *(ROOT / "docs").glob("*.md")])
PARSED_ONLY = {
    "git clone": [],
    "pip install": [],
    "diad-export build demo/checkpoint.safetensors -o bundle-fp16": ["--help"],
    "diad-export build demo/checkpoint.safetensors -o bundle-cpu": ["--help"],
    "diad-calibrate good/": ["--help"],
    "diad-run photos/ --bundle bundle -o report-3": ["--help"],
    "diad-run photos/ --bundle bundle -o report-gpu": ["--help"],
    "python -m demo.train": ["--help"],
    "python -m demo.choose": ["--help"],
    "python -m demo.show": ["--help"],
    "python -m demo.screenshot": ["--help"],
    "python -m diad_benchmarks": ["--help"],
}
"""Commands that are not run as they stand: what is run of them instead, if anything."""
SHORTENED = {
    "python -m demo.evaluate": ["--per-product", "2"],
    "python -m demo.folder": ["--per-product", "2"],
}
"""Commands that are run with less to do."""


def blocks(document: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", document.read_text(), re.DOTALL | re.MULTILINE)


def commands(document: Path) -> list[str]:
    lines = [line for block in blocks(document, "sh") for line in block.splitlines()]
    return [line for line in lines if line.strip() and not line.startswith("#")]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a user types: the checkout's parts, and some photos."""
    folder = tmp_path_factory.mktemp("desk")
    parts = ("benchmarks", "demo", "diad_deploy", "evaluation", "examples", "export")
    for name in (*parts, "Makefile", "pyproject.toml"):
        (folder / name).symlink_to(ROOT / name)
    for name in ("a.png", "line-2/b.png"):
        path = folder / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.effect_mandelbrot((60, 40), (-2, -1, 1, 1), 20).convert("RGB").save(path)
    return folder


def as_run_here(command: str) -> list[str] | None:
    """The command with this environment's programs; None where it is parsed only."""
    for start, instead in PARSED_ONLY.items():
        if command.startswith(start):
            return here([*shlex.split(start), *instead]) if instead else None
    if command.startswith("make "):
        return ["make", "--dry-run", *shlex.split(command)[1:]]
    words = shlex.split(command)
    for start, more in SHORTENED.items():
        if command.startswith(start):
            words += more
    return here(words)


def here(words: list[str]) -> list[str]:
    program = words[0].removeprefix(".venv-demo/bin/")
    if program == "python":
        return [sys.executable, *words[1:]]
    return [str(Path(sys.executable).with_name(program)), *words[1:]]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_run(document: Path, desk: Path) -> None:
    for command in commands(document):
        words = as_run_here(command)
        if words is None:
            continue
        done = subprocess.run(words, cwd=desk, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        shutil.rmtree(desk / "out", ignore_errors=True)


def test_the_readme_opens_with_an_image_and_has_commands() -> None:
    readme = ROOT / "README.md"
    assert "![" in "\n".join(readme.read_text().splitlines()[:8])
    assert "make demo" in commands(readme)
    assert len(commands(readme)) >= 8


def test_python_blocks_run(desk: Path) -> None:
    shutil.copy(desk / "photos" / "a.png", desk / "photos" / "b.png")
    for block in blocks(ROOT / "README.md", "python"):
        code = block.replace('"bundle"', repr(str(ROOT / "diad_deploy" / "builtin" / "bundle")))
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=desk, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", document.read_text())
    local = [link for link in links if "://" not in link]
    missing = [link for link in local if not (document.parent / link).exists()]
    assert not missing
