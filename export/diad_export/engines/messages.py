"""TensorRT's messages: layers are kept, errors become one line."""

import re
from typing import Any


def make_collector(module: Any) -> Any:
    """An `ILogger` with `errors` (texts) and `layer_messages` (those that describe layers)."""
    errors_from = (module.ILogger.Severity.INTERNAL_ERROR, module.ILogger.Severity.ERROR)

    class Collector(module.ILogger):  # type: ignore[misc]
        """Keeps what is wanted of some hundred thousand lines."""

        def __init__(self) -> None:
            module.ILogger.__init__(self)
            self.errors: list[str] = []
            self.layer_messages: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            """TensorRT calls this; it must not raise."""
            if severity in errors_from:
                self.errors.append(message)
            elif "LayerType: " in message:
                self.layer_messages.append(message)

    return Collector()


def one_line(errors: list[str]) -> str:
    """The first error without TensorRT's own source places; it names the layer where it can."""
    if not errors:
        return "TensorRT gave no reason"
    text = " ".join(errors[0].split())
    text = re.sub(r"^\w+::\w+: ", "", text)
    text = re.sub(r"\[[\w./]+\.(?:cpp|h|cu):\d+: \w+\] ?", "", text)
    text = re.sub(r" In \w+ at [\w./]+\.(?:cpp|h|cu):\d+", "", text)
    return text[:400]
