"""The study of provider options: its order, values that stay bound, and no CUDA."""

from pathlib import Path

import onnxruntime
import pytest
from click.testing import CliRunner

from diad_benchmarks.cli.studies import cuda_options as command
from diad_benchmarks.studies import cuda_options
from diad_benchmarks.studies.cuda_options import combinations, measure
from diad_deploy.bundle.folder import Bundle
from diad_deploy.errors import BackendError


def test_float16_comes_first_and_tf32_last() -> None:
    wanted = list(combinations(Path("b"), Path("h"), graphs=("denoiser",), batches=(1, 8)))
    assert len(wanted) == 36
    assert all(each.bundle == "h" for each in wanted[:12])
    assert not any(each.use_tf32 for each in wanted[:24])
    assert [each.search for each in wanted[:6]] == 2 * ["EXHAUSTIVE"] + 2 * ["HEURISTIC"] + 2 * [
        "DEFAULT"
    ]


def test_replays_run_on_bound_values(
    standin_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cuda_options, "SECONDS", 0.0)
    graph = standin_bundle.manifest.graph("denoiser")
    session = onnxruntime.InferenceSession(
        str(standin_bundle.file(graph.file)), providers=["CPUExecutionProvider"]
    )
    run = cuda_options._bind(onnxruntime, session, graph, 2, device="cpu")
    run()
    assert len(cuda_options._replays(run)) == 1


def test_what_fails_is_a_finding(standin_bundle: Bundle) -> None:
    [asked, *_] = combinations(standin_bundle.path, None, graphs=("denoiser",), batches=(1,))
    finding = measure(asked)
    assert finding.median_ms is None
    assert "CUDA" in (finding.why_not or "")


def test_without_cuda_the_command_says_so(standin_bundle: Bundle, tmp_path: Path) -> None:
    done = CliRunner().invoke(command, [str(standin_bundle.path), "-o", str(tmp_path / "o.json")])
    assert isinstance(done.exception, BackendError)
    assert "cannot run on CUDA" in str(done.exception)
