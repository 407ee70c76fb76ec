"""What the evaluation needs beside the runtime."""

from importlib.util import find_spec

from diad_deploy.errors import EvaluationError

NEEDED = {"sklearn": "scikit-learn", "scipy": "SciPy", "matplotlib": "matplotlib"}


def check_extra() -> None:
    """Raise `EvaluationError` that names what is not installed, and the extra that brings it."""
    missing = [title for module, title in NEEDED.items() if find_spec(module) is None]
    if missing:
        raise EvaluationError(
            f"not installed: {', '.join(missing)}; the evaluation needs the extra: "
            f'pip install "diad_deploy[evaluate]"'
        )
