"""The packages that commands need beyond the runtime's, by the extra that installs them."""

from importlib.util import find_spec

from diad_deploy.errors import OptionError

EXTRAS = {
    "benchmarks": {
        "cpuinfo": "py-cpuinfo",
        "matplotlib": "matplotlib",
        "onnx": "onnx",
        "psutil": "psutil",
        "sklearn": "scikit-learn",
    },
    "evaluate": {"matplotlib": "matplotlib", "scipy": "SciPy", "sklearn": "scikit-learn"},
    "export": {
        "diffusers": "diffusers",
        "onnx": "onnx",
        "onnx_graphsurgeon": "onnx-graphsurgeon",
        "onnx_ir": "onnx-ir",
        "onnxscript": "onnxscript",
        "polygraphy": "Polygraphy",
        "psutil": "psutil",
        "safetensors": "safetensors",
        "scipy": "SciPy",
        "sklearn": "scikit-learn",
        "timm": "timm",
        "torch": "PyTorch",
        "transformers": "transformers",
    },
}


def check_extras(*extras: str) -> None:
    """Check that the packages of these extras are installed.

    Raises:
        OptionError: some are not; the message names them, and the extras to install.
    """
    needed = {module: title for extra in extras for module, title in EXTRAS[extra].items()}
    missing = [title for module, title in needed.items() if find_spec(module) is None]
    if missing:
        raise OptionError(
            f'not installed: {", ".join(missing)}; pip install "diad_deploy[{",".join(extras)}]"'
        )
