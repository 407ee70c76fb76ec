"""Real engines for the GPU at hand, built with nothing but TensorRT's own API."""

from dataclasses import replace
from pathlib import Path

from diad_deploy.backends.cuda_calls import Cuda, find_gpu
from diad_deploy.backends.tensorrt_api import MODULES
from diad_deploy.bundle import Bundle
from diad_deploy.engine_spec import Target
from diad_deploy.manifest import GraphSpec
from tests.simulator.engines import with_engines


def build_engines(bundle: Bundle, destination: Path, target: Target, *, largest: int) -> Bundle:
    """The bundle again with float32 engines for batches of 1 to `largest`."""
    trt = __import__(MODULES[target])
    capability = find_gpu(Cuda.load()).compute_capability

    def engine(graph: GraphSpec) -> bytes:
        return _engine(trt, bundle.file(graph.file), graph, largest)

    return with_engines(
        bundle,
        destination,
        target,
        largest=largest,
        engine=engine,
        change=lambda spec: replace(
            spec, version=trt.__version__, compute_capabilities=(capability,)
        ),
    )


def _engine(trt, path: Path, graph: GraphSpec, largest: int) -> bytes:
    builder = trt.Builder(trt.Logger(trt.Logger.ERROR))
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, trt.Logger(trt.Logger.ERROR))
    assert parser.parse_from_file(str(path)), parser.get_error(0)
    configuration = builder.create_builder_config()
    if hasattr(trt.BuilderFlag, "REQUIRE_USER_ALLOCATION"):
        configuration.set_flag(trt.BuilderFlag.REQUIRE_USER_ALLOCATION)
    profile = builder.create_optimization_profile()
    for tensor in graph.inputs:
        shapes = [
            [size if isinstance(size, int) else batch for size in tensor.shape]
            for batch in (1, largest, largest)
        ]
        profile.set_shape(tensor.name, *shapes)
    configuration.add_optimization_profile(profile)
    return bytes(builder.build_serialized_network(network, configuration))
