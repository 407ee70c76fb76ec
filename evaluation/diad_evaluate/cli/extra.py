"""The packages that the evaluation needs in addition to the runtime."""

from importlib.util import find_spec

from diad_deploy.errors import EvaluationError

NEEDED = {"sklearn": "scikit-learn", "scipy": "SciPy", "matplotlib": "matplotlib"}


def check_extra() -> None:
    """Raise `EvaluationError` if packages of the extra `evaluate` are not installed."""
    missing = [title for module, title in NEEDED.items() if find_spec(module) is None]
    if missing:
        raise EvaluationError(
            f"not installed: {', '.join(missing)}; the evaluation needs the extra: "
            f'pip install "diad_deploy[evaluate]"'
        )
