"""Every command in the documents runs, and every link and path in them exists."""

import re
import runpy
import shlex
import shutil
import signal
import subprocess
import sys
import textwrap
import tomllib
from functools import partial
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from PIL import Image

from diad_deploy.cli.stop_signals import STOP_SIGNALS
from tests.diad_evaluate.labelled_folders import write_mvtec_class
from tests.made_once import made_once
from tests.traces import kept_traces

ROOT = Path(__file__).parents[1]
PAGES = sorted(path for path in (ROOT / "docs").rglob("*.md") if "_build" not in path.parts)
DOCUMENTS = [*sorted(ROOT.glob("*.md")), ROOT / "demo" / "README.md", *PAGES]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PARSED_ONLY = {
    "git clone": [],
    "pip install": [],
    "diad-export build demo/checkpoint.safetensors -o bundle-fp16": ["--help"],
    "diad-export build demo/checkpoint.safetensors -o bundle-rtx": ["--help"],
    "diad-export build demo/checkpoint.safetensors -o bundle-cpu": ["--help"],
    "diad-export engines": ["--help"],
    "diad-run photos/ --bundle bundle -o report --fail-on-defect": ["--help"],
    "diad-run photos/ --bundle bundle -o report-gpu": ["--help"],
    "python -m demo.train": ["--help"],
    "python -m demo.choose": ["--help"],
    "python -m demo.show": ["--help"],
    "python -m demo.screenshot": ["--help"],
    "diad-benchmark -o": ["--help"],
    "diad-benchmark soak": ["--help"],
    "diad-benchmark savings": ["--help"],
    "diad-benchmark evaluation-metrics": ["--help"],
    "diad-benchmark cuda-options": ["--help"],
}
"""Commands that are not run as written, and what is run instead, if anything."""
SHORTENED = {
    "python -m demo.evaluate": ["--per-product", "2", "--bundle", "bundle"],
    "python -m demo.folder": ["--per-product", "2"],
}
"""Commands that are run with less to do."""
BUILD = "diad-export build demo/checkpoint.safetensors -o bundle"
PARTS = ("benchmarks", "diad_deploy", "docs", "evaluation", "examples", "export")


def blocks(document: Path, language: str) -> list[str]:
    pattern = rf"^( *)```{language}\n(.*?)^ *```"
    found = re.findall(pattern, document.read_text(), re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(block) for _, block in found]


def commands(document: Path) -> list[str]:
    lines = [line for block in blocks(document, "sh") for line in block.splitlines()]
    return [line for line in lines if line.strip() and not line.startswith("#")]


COMMANDS = sorted({command for document in DOCUMENTS for command in commands(document)})


def lay_out(folder: Path, checkpoint: Path) -> None:
    """Create a user's working folder: a checkout with a small checkpoint, and images."""
    for name in (*PARTS, "Makefile", "pyproject.toml"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "demo").mkdir()
    for path in (ROOT / "demo").iterdir():
        source = checkpoint if path.name == "checkpoint.safetensors" else path
        (folder / "demo" / path.name).symlink_to(source)
    for name in ("photos/a.png", "photos/b.png", *(f"good/{place}.png" for place in range(20))):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        Image.effect_mandelbrot((60, 40), (-2, -1, 1, 1), 20).convert("RGB").save(path)


@pytest.fixture(scope="module")
def built(small_checkpoint: Path, traces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the bundle built by the documented command; tests must not change it."""

    def make(path: Path) -> None:
        folder = tmp_path_factory.mktemp("built")
        lay_out(folder, small_checkpoint)
        with pytest.MonkeyPatch.context() as patch, kept_traces(traces):
            patch.chdir(folder)
            assert run_here(shlex.split(BUILD), patch) == 0
        (folder / "bundle").rename(path)

    return made_once(tmp_path_factory, "documented-bundle", make)


@pytest.fixture
def desk(
    tmp_path: Path, built: Path, small_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A user's working folder with the bundle built by the documented command."""
    lay_out(tmp_path, small_checkpoint)
    shutil.copytree(built, tmp_path / "bundle")
    write_mvtec_class(tmp_path / "demo-test" / "screw")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def as_run_here(command: str) -> list[str] | None:
    """The words of the command to run; None if it is only parsed."""
    words = shlex.split(command)
    for start, instead in PARSED_ONLY.items():
        if command.startswith(start):
            return [*words, *instead] if instead else None
    for start, more in SHORTENED.items():
        if command.startswith(start):
            words += more
    return ["bundle" if word == "diad_deploy/builtin/bundle" else word for word in words]


def run_here(words: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit status of a command, run in this process, which has imported PyTorch already."""
    if words[0] == "make":
        return subprocess.run(["make", "--dry-run", *words[1:]], check=False).returncode
    if words[0] in PROJECT["scripts"]:
        run = EntryPoint(words[0], PROJECT["scripts"][words[0]], "console_scripts").load()
    elif words[1] == "-m":
        words = words[2:]
        monkeypatch.delitem(sys.modules, words[0], raising=False)
        run = partial(runpy.run_module, words[0], run_name="__main__", alter_sys=True)
    else:
        words = words[1:]
        run = partial(runpy.run_path, words[0], run_name="__main__")
    monkeypatch.setattr("sys.argv", words)
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    try:
        run()
    except SystemExit as ended:
        return int(ended.code or 0)
    finally:
        # a command sets handlers for the whole process
        for number, handler in before.items():
            signal.signal(number, handler)
    return 0


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_runs(
    command: str, desk: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    words = as_run_here(command)
    # the fixture has run the build
    if words is None or command == BUILD:
        return
    if "demo.folder" in words:
        shutil.rmtree(desk / "demo-test")
    status = run_here(words, monkeypatch)
    assert status == 0, "\n".join((command, *capfd.readouterr()))


def test_the_build_is_documented() -> None:
    assert BUILD in commands(ROOT / "README.md")


def test_the_readme_opens_with_an_image_and_has_commands() -> None:
    readme = ROOT / "README.md"
    assert "![" in "\n".join(readme.read_text().splitlines()[:8])
    assert "make demo" in commands(readme)
    assert len(COMMANDS) >= 8


@pytest.mark.parametrize(
    "block", sorted({block for document in DOCUMENTS for block in blocks(document, "python")})
)
@pytest.mark.usefixtures("desk")
def test_a_python_block_runs(block: str) -> None:
    exec(compile(block, "document", "exec"), {})


def test_extras_in_documents_are_there() -> None:
    text = "".join(document.read_text() for document in DOCUMENTS)
    named = {
        extra
        for extras in re.findall(r'pip install[^`\n]*"(?:diad_deploy|\.)\[([\w,-]+)\]"', text)
        for extra in extras.split(",")
    }
    assert {"cpu", "gpu", "export", "evaluate"} <= named
    assert named <= set(PROJECT["optional-dependencies"])


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub and the site write them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", document.read_text()):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link
