"""The public names, their documentation, and the examples agree."""

import ast
import dataclasses
import importlib
import inspect
import re
import subprocess
import sys
import typing
from pathlib import Path

import pytest

from diad_deploy import OptionError

ROOT = Path(__file__).parents[1]
PACKAGES = {
    "diad_deploy": ROOT / "diad_deploy",
    "diad_evaluate": ROOT / "evaluation" / "diad_evaluate",
    "diad_export": ROOT / "export" / "diad_export",
}
NAMES = [
    (package, name)
    for package in PACKAGES
    for name in importlib.import_module(package).__all__
    if name != "__version__"
]
CODE = [
    *sorted((ROOT / "examples").glob("*.py")),
    ROOT / "README.md",
    *(ROOT / "docs").rglob("*.md"),
]


def public(package: str, name: str) -> typing.Any:
    return getattr(importlib.import_module(package), name)


@pytest.mark.parametrize("package", PACKAGES)
def test_what_type_checkers_see_is_what_can_be_imported(package: str) -> None:
    stub = ast.parse((PACKAGES[package] / "__init__.pyi").read_text())
    seen = {
        alias.name: f"{node.module}"
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname == alias.name
    }
    module = importlib.import_module(package)
    assert {"__version__", *seen} == {"__version__", *module.__all__}
    assert dir(module) == sorted(module.__all__)
    assert seen == {name: module._MODULES[name] for name in seen}


@pytest.mark.parametrize(("package", "name"), NAMES)
def test_every_name_is_documented(package: str, name: str) -> None:
    found = public(package, name)
    text = inspect.getdoc(found) or ""
    assert len(text.split()) > 3, f"{package}.{name} has no docstring"
    if inspect.isfunction(found):
        arguments = inspect.signature(found).parameters
        undocumented = [one for one in arguments if not documents(text, one)]
        assert not undocumented
        assert typing.get_type_hints(found)["return"] is not None
    if dataclasses.is_dataclass(found):
        own = vars(found).get("__annotations__", {})
        if own.keys() - {"path", "manifest"}:
            assert "Attributes:" in text or name in {"Progress", "AnnotatedImage"}
            assert not [one for one in own if not documents(text, one) and name != "Progress"]


def documents(text: str, name: str) -> bool:
    """Whether an argument or attribute is documented, alone or in a list of several."""
    return re.search(rf"^\s*(\w+, )*{name}(, \w+)*: \S", text, re.MULTILINE) is not None


@pytest.mark.parametrize(
    ("package", "name"), [(p, n) for p, n in NAMES if n.endswith(("Config", "Options", "Limits"))]
)
def test_configurations_are_frozen_slotted_and_by_keyword(package: str, name: str) -> None:
    found = public(package, name)
    assert found.__dataclass_params__.frozen
    assert "__slots__" in vars(found)
    assert all(field.kw_only for field in dataclasses.fields(found))
    # what fits an engine depends on the machine too: `add_engines` checks it
    checks = callable(getattr(found, "__post_init__", None)) or name == "EngineOptions"
    assert checks, "it checks itself"


def test_public_methods_are_documented() -> None:
    for name in ("Bundle", "Detection", "Detector", "ResultRow", "Thresholds"):
        for key, value in vars(public("diad_deploy", name)).items():
            if not key.startswith("_") and (callable(value) or isinstance(value, property)):
                assert inspect.getdoc(value), f"{name}.{key}"


def imports(path: Path) -> list[tuple[str, str]]:
    """The names that a file's Python, or its Python blocks, imports from our packages."""
    text = path.read_text()
    if path.suffix == ".md":
        text = "".join(re.findall(r"^```(?:python|py)\n(.*?)^```", text, re.DOTALL | re.MULTILINE))
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] in PACKAGES:
            found += [(str(node.module), alias.name) for alias in node.names]
        if isinstance(node, ast.Import):
            found += [(one.name, "") for one in node.names if one.name.split(".")[0] in PACKAGES]
    return found


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_users_read_public_imports_alone(path: Path) -> None:
    private = [found for found in imports(path) if found not in NAMES]
    assert not private


def test_the_examples_show_the_api() -> None:
    shown = {name for path in CODE for _, name in imports(path)}
    assert {"Detector", "InspectionConfig", "CalibrationConfig", "read_rows", "to_coco"} <= shown


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_a_package_loads_nothing_large(package: str) -> None:
    code = (
        f"import sys, {package}; {package}.__all__; "
        "print([m for m in ('logging', 'numpy', 'PIL', 'typing', 'torch') if m in sys.modules])"
    )
    folders = [str(path.parent) for path in PACKAGES.values()]
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {folders!r}; {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("diad_deploy.errors:PictureError", "diad_deploy:ImageError"),
        ("diad_deploy.arrays:PictureArray", "diad_deploy.arrays:ImageArray"),
        ("diad_deploy.picture_files:find_pictures", "diad_deploy:find_images"),
        ("diad_deploy.report.heatmap:draw_heatmap", "diad_deploy:draw_heatmap"),
        ("diad_deploy.inspection:inspect_paths", "diad_deploy:inspect_images"),
        ("diad_deploy.bundle:Bundle", "diad_deploy:Bundle"),
        ("diad_deploy.thresholds:Thresholds", "diad_deploy:Thresholds"),
        ("diad_deploy.thresholds:read_thresholds", "diad_deploy:read_thresholds"),
    ],
)
def test_old_names_warn_and_work(old: str, new: str) -> None:
    module, _, name = old.partition(":")
    place, _, now = new.partition(":")
    with pytest.warns(DeprecationWarning, match=f"{name} is renamed .* use .*{now}"):
        found = getattr(importlib.import_module(module), name)
    assert found is getattr(importlib.import_module(place), now)


@pytest.mark.parametrize(
    ("module", "arguments", "message"),
    [
        ("diad_deploy", {"existing": "Resume"}, "existing 'Resume': expected .*resume"),
        ("diad_deploy", {"maps": "png"}, "maps 'png': expected npy or tiff"),
        ("diad_export", {"precision": "FP32"}, "precision 'FP32': expected fp32 or fp16"),
        ("diad_export", {"posterior": "Mode"}, "posterior 'Mode': expected"),
        ("diad_export", {"convolutions": "Winograd"}, "convolutions 'Winograd': expected"),
        ("diad_export", {"spacing": "x"}, "spacing 'x': expected leading or trailing"),
        ("diad_evaluate", {"classes": "screw"}, "classes 'screw': expected several names"),
    ],
)
def test_a_configuration_rejects_unknown_values(
    module: str, arguments: dict[str, str], message: str
) -> None:
    name, needed = {
        "diad_deploy": ("InspectionConfig", {"paths": ["a"], "bundle": "b", "output": "o"}),
        "diad_evaluate": ("EvaluationConfig", {"data": "a", "bundle": "b"}),
        "diad_export": ("BuildConfig", {"checkpoint": "a", "output": "o"}),
    }[module]
    with pytest.raises(OptionError, match=message):
        public(module, name)(**needed, **arguments)


def test_a_name_that_never_was() -> None:
    for module in ("diad_deploy", "diad_export", "diad_evaluate", "diad_deploy.errors"):
        with pytest.raises(AttributeError, match=f"module '{module}' has no attribute 'nothing'"):
            _ = importlib.import_module(module).nothing
