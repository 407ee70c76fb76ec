"""Every name that the backends use of CUDA and TensorRT exists in the installed libraries."""

import ast
from pathlib import Path
from types import ModuleType

import pytest
from cuda.bindings import runtime as cudart

from diad_deploy.backends.cuda import api as cuda_api
from diad_deploy.backends.tensorrt import api as tensorrt_api

tensorrt_rtx = pytest.importorskip("tensorrt_rtx")

BACKENDS = Path(cuda_api.__file__).parents[1]
HOMES = {
    (cuda_api, "Cudart"): cudart,
    (cuda_api, "ErrorCodes"): cudart.cudaError_t,
    (cuda_api, "MemcpyKinds"): cudart.cudaMemcpyKind,
    (cuda_api, "CaptureModes"): cudart.cudaStreamCaptureMode,
    (cuda_api, "DeviceProperties"): cudart.cudaDeviceProp,
    (tensorrt_api, "TensorRt"): tensorrt_rtx,
    (tensorrt_api, "RtxTensorRt"): tensorrt_rtx,
    (tensorrt_api, "Runtime"): tensorrt_rtx.Runtime,
    (tensorrt_api, "ICudaEngine"): tensorrt_rtx.ICudaEngine,
    (tensorrt_api, "RtxCudaEngine"): tensorrt_rtx.ICudaEngine,
    (tensorrt_api, "IExecutionContext"): tensorrt_rtx.IExecutionContext,
    (tensorrt_api, "RtxExecutionContext"): tensorrt_rtx.IExecutionContext,
    (tensorrt_api, "RtxRuntimeCache"): tensorrt_rtx.IRuntimeCache,
    (tensorrt_api, "RtxRuntimeConfig"): tensorrt_rtx.IRuntimeConfig,
    (tensorrt_api, "DataTypes"): tensorrt_rtx.DataType,
    (tensorrt_api, "TensorIOModes"): tensorrt_rtx.TensorIOMode,
    (tensorrt_api, "AllocationStrategies"): tensorrt_rtx.ExecutionContextAllocationStrategy,
    (tensorrt_api, "RtxSpecializationStrategies"): (
        tensorrt_rtx.DynamicShapesKernelSpecializationStrategy
    ),
}
"""Where the names of each protocol must exist. The type checker allows the backends no others."""
OURS = {"ErrorLog"}


def declared(module: ModuleType) -> dict[str, list[str]]:
    """The protocols of a module and their members, read from its source."""
    tree = ast.parse(Path(module.__file__ or "").read_text())
    found = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name not in OURS:
            methods = [part.name for part in node.body if isinstance(part, ast.FunctionDef)]
            fields = [
                part.target.id
                for part in node.body
                if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)
            ]
            found[node.name] = methods + fields
    return found


def used() -> set[str]:
    """Every attribute that the backends' sources read or set."""
    return {
        node.attr
        for path in BACKENDS.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
    }


CASES = [
    (module, protocol, name)
    for module in (cuda_api, tensorrt_api)
    for protocol, names in declared(module).items()
    for name in names
]


def missing(module: ModuleType, protocol: str, name: str) -> bool:
    return not hasattr(HOMES[module, protocol], name)


@pytest.mark.parametrize(("module", "protocol", "name"), CASES)
def test_the_installed_library_has_it(module: ModuleType, protocol: str, name: str) -> None:
    assert not missing(module, protocol, name)


def test_every_name_is_used_and_every_cuda_name_is_declared() -> None:
    names = {name for _, _, name in CASES}
    assert names <= used()
    assert {name for name in used() if name.startswith("cuda") and name[4:5].isupper()} <= names


def test_the_test_can_fail() -> None:
    assert missing(cuda_api, "Cudart", "cudaMallocTwice")
    assert len(CASES) > 50
