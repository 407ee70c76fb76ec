"""`python -m diad_benchmarks.studies.gpu_report`: `diad-benchmark gpu` in any environment."""

import sys
from importlib.util import find_spec

NEEDED = (
    *("click", "cv2", "jinja2", "numpy", "PIL", "pydantic", "rich"),
    *("diffusers", "onnx", "safetensors", "scipy", "sklearn", "timm", "torch"),
    *("cpuinfo", "filelock", "matplotlib", "psutil", "pytest"),
)
"""Imported by the GPU tests and the benchmark, besides ONNX Runtime and CUDA's libraries."""
INSTALL = 'pip install --editable ".[gpu,export,benchmarks,dev]"'


def main() -> None:
    """Run the command, or print one line with the packages that are missing."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        sys.stderr.write(
            f"gpu-report: {sys.executable} lacks {', '.join(missing)}; {INSTALL}, or name another "
            f"Python: make gpu PYTHON=...\n"
        )
        sys.exit(2)
    from diad_benchmarks.cli.studies import gpu
    from diad_deploy.cli.console import run_command

    gpu.name = "gpu-report"
    run_command(gpu)


if __name__ == "__main__":
    main()
