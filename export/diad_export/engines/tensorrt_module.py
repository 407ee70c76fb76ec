"""Imports TensorRT or TensorRT-RTX, and lists the names of theirs that are used."""

import os
from importlib import import_module
from typing import Any

from diad_deploy.bundle.engine_spec import Target
from diad_deploy.errors import BackendError

MODULES: dict[Target, str] = {"tensorrt": "tensorrt", "tensorrt-rtx": "tensorrt_rtx"}

USED_NAMES = (
    "Builder.create_network",
    "Builder.create_builder_config",
    "Builder.create_optimization_profile",
    "Builder.build_serialized_network",
    "IBuilderConfig.builder_optimization_level",
    "IBuilderConfig.max_aux_streams",
    "IBuilderConfig.profiling_verbosity",
    "IBuilderConfig.progress_monitor",
    "IBuilderConfig.set_memory_pool_limit",
    "IBuilderConfig.add_optimization_profile",
    "ICudaEngine.create_engine_inspector",
    "EngineInspector.get_engine_information",
    "ILogger.log",
    "ILogger.Severity.INTERNAL_ERROR",
    "ILogger.Severity.ERROR",
    "INetworkDefinition.get_layer",
    "INetworkDefinition.num_layers",
    "IProgressMonitor.phase_start",
    "IProgressMonitor.step_complete",
    "IProgressMonitor.phase_finish",
    "LayerInformationFormat.JSON",
    "MemoryPoolType.WORKSPACE",
    "NetworkDefinitionCreationFlag.STRONGLY_TYPED",
    "OnnxParser.get_error",
    "OnnxParser.num_errors",
    "OnnxParser.parse_from_file",
    "ParserError.desc",
    "ParserError.node_name",
    "ParserError.node_operator",
    "ProfilingVerbosity.DETAILED",
    "Runtime.deserialize_cuda_engine",
    "__version__",
)
"""The names that `engines` uses itself or through Polygraphy; 10.x, 11.x and RTX have them all."""

RTX_USED_NAMES = (
    "BuilderFlag.REQUIRE_USER_ALLOCATION",
    "ComputeCapability",
    "IBuilderConfig.num_compute_capabilities",
    "IBuilderConfig.set_flag",
    "IBuilderConfig.set_compute_capability",
)


def load_tensorrt(target: Target) -> Any:
    """Import the module for `target`, and Polygraphy, which then uses the same one.

    Raises:
        BackendError: one of them is not installed, or its libraries cannot be loaded.
    """
    name = MODULES[target]
    if target == "tensorrt-rtx":
        os.environ["POLYGRAPHY_USE_TENSORRT_RTX"] = "1"
    else:
        os.environ.pop("POLYGRAPHY_USE_TENSORRT_RTX", None)
    try:
        module = import_module(name)
        module.Builder  # noqa: B018 an incomplete installation imports as an empty module
        import_module("polygraphy")
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise BackendError(
            f"--target {target} needs {name} and Polygraphy, which cannot be imported: {reason}; "
            f'install them with pip install "diad_deploy[cpu,export,{target}]"'
        ) from error
    return module
