"""Memory is estimated and compared."""

from pathlib import Path

import pytest

from diad_deploy.bundle.manifest import GraphSpec
from diad_deploy.errors import ExportError
from diad_export.engines.memory import available_bytes, check_memory, estimate_bytes


def graph(parameters: int, precision: str) -> GraphSpec:
    return GraphSpec(
        name="denoiser",
        file="denoiser.onnx",
        inputs=(),
        outputs=(),
        precision=precision,
        stored_weights=precision,
        parameters=parameters,
    )


def test_the_estimate_covers_what_was_measured() -> None:
    # 870 M float16 weights: 6 GB; the demo's denoiser of 18 M: 0.8 GB
    assert 6.0e9 < estimate_bytes(graph(870_000_000, "float16")) < 7.5e9
    assert 0.8e9 < estimate_bytes(graph(18_300_000, "float16")) < 1.2e9
    assert estimate_bytes(graph(10**9, "float32")) > 1.8 * estimate_bytes(graph(10**9, "float16"))


def test_too_little_memory_is_an_error_with_both_numbers() -> None:
    spec = graph(870_000_000, "float16")
    with pytest.raises(ExportError, match=r"about 6\.5 GB .* 4\.0 GB are free.*--no-memory-check"):
        check_memory(spec, 4_000_000_000)
    check_memory(spec, 8_000_000_000)
    check_memory(spec, None)


def test_the_smaller_of_machine_and_container_counts(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 9000 kB\nMemAvailable: 4000 kB\n")
    assert available_bytes(meminfo, tmp_path) == 4000 * 1024
    (tmp_path / "memory.max").write_text("3000000\n")
    (tmp_path / "memory.current").write_text("2500000\n")
    (tmp_path / "memory.stat").write_text("anon 5\nfile 1000000\n")
    assert available_bytes(meminfo, tmp_path) == 1_500_000
    (tmp_path / "memory.max").write_text("max\n")
    assert available_bytes(meminfo, tmp_path) == 4000 * 1024
    assert available_bytes(tmp_path / "absent", tmp_path / "absent") is None
