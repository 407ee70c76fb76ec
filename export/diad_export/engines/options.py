"""Options for building engines, checked before anything is started."""

from dataclasses import dataclass

from diad_deploy.bundle.engine_spec import BatchProfile, Target
from diad_deploy.errors import OptionError

DEFAULT_PROFILE = BatchProfile(smallest=1, tuned=1, largest=8)
OPTIMIZATION_LEVELS = range(6)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """How to build the engines of one target.

    Attributes:
        target: `tensorrt` for the GPU of this machine, `tensorrt-rtx` for RTX GPUs of any machine.
        compute_capabilities: such as `8.9`, for TensorRT-RTX; empty for the GPU of this machine.
        profile: the batch sizes that the engines run.
        workspace_mib: limit of an engine's working memory; None for no limit.
        optimization_level: 0 to 5; None for TensorRT's default.
        aux_streams: streams beside the main one; None for TensorRT's choice.
        timing_cache: file of measured times, read and written; for TensorRT only.
        memory_check: stop before a build that needs more memory than is available.
    """

    target: Target
    compute_capabilities: tuple[str, ...] = ()
    profile: BatchProfile = DEFAULT_PROFILE
    workspace_mib: int | None = None
    optimization_level: int | None = None
    aux_streams: int | None = None
    timing_cache: str | None = None
    memory_check: bool = True


def check_options(options: EngineOptions) -> None:
    """Check the options against each other, without querying the machine.

    Raises:
        OptionError: names all that is wrong.
    """
    faults = [*_target_faults(options), *_number_faults(options)]
    if faults:
        raise OptionError("; ".join(faults))


def _target_faults(options: EngineOptions) -> list[str]:
    faults = []
    if options.target == "tensorrt" and options.compute_capabilities:
        faults.append(
            f"--compute-capability {' '.join(options.compute_capabilities)} cannot be used with "
            f"--target tensorrt, which builds for the GPU of this machine; leave it out, or use "
            f"--target tensorrt-rtx"
        )
    if options.target == "tensorrt-rtx" and options.timing_cache is not None:
        faults.append(
            "--timing-cache cannot be used with --target tensorrt-rtx, which measures no times "
            "during the build; leave it out"
        )
    return faults


def _number_faults(options: EngineOptions) -> list[str]:
    faults = []
    profile = options.profile
    if not 1 <= profile.smallest <= profile.tuned <= profile.largest:
        faults.append(
            f"--batch {profile.smallest} {profile.tuned} {profile.largest}: expected "
            f"1 <= MIN <= OPT <= MAX, such as --batch 1 4 8"
        )
    if options.workspace_mib is not None and options.workspace_mib < 1:
        faults.append(f"--workspace {options.workspace_mib}: expected at least 1 MiB")
    level = options.optimization_level
    if level is not None and level not in OPTIMIZATION_LEVELS:
        faults.append(f"--optimization-level {level}: expected 0 to 5")
    if options.aux_streams is not None and options.aux_streams < 0:
        faults.append(f"--aux-streams {options.aux_streams}: expected 0 or more")
    return faults
