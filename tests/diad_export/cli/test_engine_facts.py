"""The lines of `inspect` for engines and their cache."""

from dataclasses import replace
from pathlib import Path

import pytest

from diad_deploy.backends.cuda.calls import Gpu
from diad_deploy.backends.tensorrt.runtime_cache import FOLDER_VARIABLE, RuntimeCacheFile
from diad_deploy.bundle.engine_spec import BatchProfile, EngineSpec, LayerTypes
from diad_deploy.bundle.folder import Bundle
from diad_export.cli.engine_facts import engine_facts
from diad_export.cli.inspect import describe_bundle
from tests.simulator.engines import with_engines


def test_a_line_has_the_target_and_the_types(standin_bundle: Bundle) -> None:
    spec = EngineSpec(
        target="tensorrt",
        graph="denoiser",
        file="engines/tensorrt/denoiser.engine",
        graph_sha256="0" * 64,
        precision="float16",
        version="11.4.0",
        compute_capabilities=("9.0",),
        gpu="NVIDIA H100",
        driver="CUDA 13.0",
        profile=BatchProfile(smallest=1, tuned=4, largest=8),
        workspace_bytes=None,
        optimization_level=3,
        aux_streams=1,
        layers=LayerTypes(
            by_type={"float16": 6, "float32": 2, "other": 9},
            fused_attentions=1,
            float32=("first", "second"),
        ),
    )
    assert engine_facts(replace(standin_bundle.manifest, engines=(spec,))) == [
        (
            "denoiser engine",
            "tensorrt 11.4.0 for 9.0, built on NVIDIA H100, CUDA 13.0; batch 1 to 8, tuned for 4; "
            "built in float16: 75 % of 8 layers in float16, 1 fused attention, float32: 2 "
            "(first, second)",
        )
    ]
    assert engine_facts(standin_bundle.manifest) == []


def test_the_runtime_cache_of_this_machine(
    standin_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    bundle = with_engines(standin_bundle, tmp_path / "bundle")
    gpu = Gpu(name="NVIDIA GeForce RTX 4090", compute_capability="8.9")
    RuntimeCacheFile(bundle.manifest, gpu, "1.7.1.116").write(bytes(2_500_000))
    RuntimeCacheFile(standin_bundle.manifest, gpu, "1.7.1.116").write(bytes(500_000))
    found = describe_bundle(bundle)
    folder = tmp_path / "tensorrt-rtx"
    assert ("runtime cache", f"{folder}: 2.5 MB for these engines, 3.0 MB in all") in found.facts
    assert found.as_json()["runtime_cache"] == {
        "folder": str(folder),
        "bundle_bytes": 2_500_000,
        "total_bytes": 3_000_000,
    }
    assert describe_bundle(standin_bundle).as_json()["runtime_cache"] is None
