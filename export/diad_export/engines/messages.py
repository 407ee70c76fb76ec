"""Collects TensorRT's errors and descriptions of layers from its log."""

import re
from typing import Any


def make_collector(module: Any) -> Any:
    """An `ILogger` that keeps `errors` and `layer_messages`, the messages that describe layers."""
    errors_from = (module.ILogger.Severity.INTERNAL_ERROR, module.ILogger.Severity.ERROR)

    class Collector(module.ILogger):  # type: ignore[misc]
        """Keeps a few of the hundreds of thousands of lines that a build logs."""

        def __init__(self) -> None:
            module.ILogger.__init__(self)
            self.errors: list[str] = []
            self.layer_messages: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            """Called by TensorRT; it must not raise."""
            if severity in errors_from:
                self.errors.append(message)
            elif "LayerType: " in message:
                self.layer_messages.append(message)

    return Collector()


def one_line(errors: list[str]) -> str:
    """The first error in one line, without the places in TensorRT's sources."""
    if not errors:
        return "TensorRT gave no reason"
    text = " ".join(errors[0].split())
    text = re.sub(r"^\w+::\w+: ", "", text)
    text = re.sub(r"\[[\w./]+\.(?:cpp|h|cu):\d+: \w+\] ?", "", text)
    text = re.sub(r" In \w+ at [\w./]+\.(?:cpp|h|cu):\d+", "", text)
    return text[:400]
