"""The published evaluation's metrics on labelled images, as `diad-evaluate` computes them.

>>> from diad_evaluate import EvaluationConfig, evaluate_folder
>>> evaluation = evaluate_folder(EvaluationConfig(data="mvtec", bundle="bundle"))

    evaluate          a whole run: a folder -> the images, the metrics, the files
    evaluation        the images of a class -> its metrics, a class at a time
    class_images      scores, maps and masks of one class while it runs
    class_metrics     the seven metrics of a class, and why one is undefined
    mistakes          the worst false alarms and misses as images
    results           what a run found: classes, means, faults
    metrics/          counts of pixels, curves, AU-PRO, the paper's figures
    report/           evaluation.json, evaluation.csv, pictures.csv, page.html

Needs the extra `evaluate`: scikit-learn, SciPy, matplotlib.
"""

from importlib import import_module

import diad_deploy  # noqa: F401 - telemetry is off before any module imports onnxruntime

_MODULES = {
    "ClassResult": "diad_evaluate.results",
    "Evaluation": "diad_evaluate.results",
    "EvaluationConfig": "diad_evaluate.evaluate",
    "EvaluationError": "diad_deploy.errors",
    "evaluate_folder": "diad_evaluate.evaluate",
}

__all__ = [*_MODULES]


def __getattr__(name: str) -> object:
    """Load a public name on first use, so that `diad-evaluate --help` starts at once."""
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
