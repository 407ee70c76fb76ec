"""Settings of the documentation's site: `make docs` builds it with Sphinx."""

import importlib
import inspect
import re
import sys
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.ext.napoleon import Config, GoogleDocstring
from sphinx.util import logging

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / root) for root in ("", "benchmarks", "evaluation", "export")]
PACKAGES = ("diad_deploy", "diad_export", "diad_evaluate")

project = "diad_deploy"
copyright = "the diad_deploy authors"
release = importlib.import_module("diad_deploy").__version__
version = release

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx_click",
    "sphinx_copybutton",
]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

# names in single backticks: links where they are public, else code
default_role = "py:obj"
# `automodule` follows each package's `__all__`, in its order
autodoc_default_options = {
    "members": True,
    "imported-members": True,
    "member-order": "bysource",
    "undoc-members": True,
}
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True

html_theme = "furo"
html_title = f"diad_deploy {release}"
html_show_sphinx = False
html_copy_source = False

ARRAY = re.compile(r"[~\w.]*ndarray\[tuple\[[~\w.]*Any, \.\.\.\], [~\w.]*dtype\[[~\w.]*?(\w+)\]\]")

DESCRIPTORS = (classmethod, property, staticmethod)
logger = logging.getLogger(__name__)


@cache
def public_names() -> dict[str, str]:
    """Every public name of the packages, and the package that documents it."""
    return {
        name: package
        for package in PACKAGES
        for name in getattr(importlib.import_module(package), "__all__", ())
    }


def read_docstring(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Read a docstring's sections; warn if there is none, or if it leaves out a field."""
    if what == "module":
        return
    if what not in ("attribute", "data") and not any(map(str.strip, lines)):
        logger.warning("%s %s has no docstring", what, name)
    if is_dataclass(obj):
        for base in obj.__mro__[1:]:
            lines += attributes_section(base) if is_dataclass(base) else []
        named = set(
            re.findall(r"\w+", " ".join(re.findall(r"^ +([\w, ]+):", "\n".join(lines), re.M)))
        )
        missing = [field.name for field in fields(obj) if field.name not in named]
        if missing:
            logger.warning("%s: its docstring has no %s", name, ", ".join(missing))
    # of a property, napoleon takes the words before a colon for its type
    if what not in ("attribute", "property"):
        lines[:] = GoogleDocstring(lines, Config(), app, what, name, obj, options).lines()
        lines[:] = [with_array_names(line) or "" for line in lines]


def attributes_section(kind: type) -> list[str]:
    """The lines of a class's docstring that list its attributes."""
    found = re.search(r"^Attributes:\n(?: .*\n|\n)+", f"{inspect.getdoc(kind)}\n", re.MULTILINE)
    return ["", *found[0].splitlines()] if found else []


def skip_field(_app: Sphinx, what: str, _name: str, obj: Any, skip: bool, _options: Any) -> bool:
    """Skip fields: the docstring of their class lists them."""
    return skip or (what == "class" and not callable(obj) and not isinstance(obj, DESCRIPTORS))


def read_signature(
    _app: Sphinx, what: str, _name: str, obj: Any, _options: Any, arguments: str, returns: str
) -> tuple[str, str | None]:
    """Name arrays by their type; show no arguments of classes that `open` makes."""
    if what == "class" and hasattr(obj, "open"):
        return "", None
    # Sphinx does not parse how Python shows a field's factory
    arguments = arguments and arguments.replace("<factory>", "...")
    return with_array_names(arguments), with_array_names(returns)


def with_array_names(text: str | None) -> str | None:
    """Write `NDArray[float32]` for the long form that NumPy expands it to."""
    return text and ARRAY.sub(r"NDArray[\1]", text)


def find_public_name(app: Sphinx, env: Any, node: Any, contnode: nodes.Node) -> Any:
    """Resolve `diad_deploy.detection.Detection` as `diad_deploy.Detection`, where it is public."""
    name = node.get("reftarget", "").rpartition(".")[2]
    if node.get("refdomain") != "py" or name not in public_names():
        return None
    found = env.domains["py"].resolve_any_xref(
        env, node["refdoc"], app.builder, f"{public_names()[name]}.{name}", node, contnode
    )
    return found[0][1] if found else None


def read_help(_app: Sphinx, _context: Any, lines: list[str]) -> None:
    """Write options in a command's help as code, and keep the asterisks of patterns."""
    for place, line in enumerate(lines):
        if not line.startswith("..") and "``" not in line:
            text = line.replace("**/*", r"\*\*/\*")
            lines[place] = re.sub(r"(?<![\w-])--[a-z][a-z-]*[a-z]", r"``\g<0>``", text)


def read_examples(_app: Sphinx, _context: Any, lines: list[str]) -> None:
    """Show the examples at the end of a command's help as code."""
    if any(lines):
        lines[:] = [".. code-block:: text", "", *("   " + line.lstrip("| ") for line in lines)]


def setup(app: Sphinx) -> None:
    """Connect all of the above."""
    app.connect("autodoc-process-docstring", read_docstring)
    app.connect("autodoc-skip-member", skip_field)
    app.connect("autodoc-process-signature", read_signature)
    app.connect("sphinx-click-process-description", read_help)
    app.connect("sphinx-click-process-options", read_help)
    app.connect("sphinx-click-process-epilog", read_examples)
    app.connect("missing-reference", find_public_name)
