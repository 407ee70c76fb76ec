"""An engine in a line."""

from dataclasses import replace

from diad_deploy.bundle import Bundle
from diad_deploy.engine_spec import BatchProfile, EngineSpec, LayerTypes
from diad_export.engine_facts import engine_facts


def test_the_line_says_what_it_is_for_and_what_is_in_it(standin_bundle: Bundle) -> None:
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
            "tensorrt 11.4.0 for 9.0, made on NVIDIA H100, CUDA 13.0; batch 1 to 8, tuned for 4; "
            "asked for float16: 75 % of 8 layers in float16, 1 fused attention, float32: 2 "
            "(first, second)",
        )
    ]
    assert engine_facts(standin_bundle.manifest) == []
