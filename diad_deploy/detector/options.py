"""Which backend runs a bundle, on which device, and how its images are read."""

from dataclasses import dataclass, fields
from typing import Any

from diad_deploy.backends import AUTO, check_choice
from diad_deploy.errors import OptionError
from diad_deploy.images.options import ReadingOptions

MAX_THREADS = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions(ReadingOptions):
    """The options that `Detector.open` and every configuration of a run share.

    Attributes:
        backend: `auto`, `onnxruntime`, `tensorrt` or `tensorrt-rtx`.
        device: `auto`, `cpu`, `cuda` (the first GPU), one or several GPUs such as `cuda:1` or
            `cuda:0,cuda:1`, or `cuda:all`. `auto` takes the best that the bundle and the machine
            have: engines for this GPU, ONNX Runtime on CUDA, ONNX Runtime on the CPU. Each of
            several GPUs has its own model, and a batch goes to the one with the fewest pending.
        threads: threads that the model may use; None takes the cores this process may use.
        batch_size: most images to run at once; more need more memory.
        tf32: whether ONNX Runtime on CUDA multiplies float32 in TF32, whose numbers have 10 bits
            of mantissa, like those of float16. For engines the build decides.
        bit_depth, white, max_megapixels: how images are read, as for `ReadingOptions`.

    Raises:
        OptionError: a value does not fit.
    """

    backend: str = AUTO
    device: str = AUTO
    threads: int | None = None
    batch_size: int = 8
    tf32: bool = False

    def __post_init__(self) -> None:
        check_choice(self.backend, self.device)
        if self.batch_size < 1:
            raise OptionError(f"batch_size {self.batch_size}: expected at least 1")
        if self.threads is not None and not 1 <= self.threads <= MAX_THREADS:
            raise OptionError(f"threads {self.threads}: expected 1 to {MAX_THREADS}")
        _ = self.reading

    @property
    def arguments(self) -> dict[str, Any]:
        """The options as keyword arguments of `Detector.open`."""
        return {field.name: getattr(self, field.name) for field in fields(ModelOptions)}
