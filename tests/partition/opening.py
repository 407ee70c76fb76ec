"""Opens graphs with one onnxruntime-gpu and prints which nodes stay on the CPU."""

import json
import sys
from collections import Counter
from typing import Any

import onnxruntime

CUDA = "CUDAExecutionProvider"


def open_on_cuda(path: str, batch: int | None, cuda_graph: bool) -> dict[str, Any]:
    """Open the graph at `path` with a batch of `batch` (`None`: free).

    With a batch, nothing may stay on the CPU. Versions before 1.24 do not report what stays there.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    if batch is not None:
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        options.add_free_dimension_override_by_name("batch", batch)
    provider = (CUDA, {"enable_cuda_graph": str(int(cuda_graph))})
    try:
        session = onnxruntime.InferenceSession(
            path, options, providers=[provider], enable_fallback=0
        )
    except Exception as error:  # noqa: BLE001
        return {"refused": str(error).strip()}
    if CUDA not in session.get_providers():
        return {"refused": "its CUDA provider does not load"}
    if not hasattr(session, "get_provider_graph_assignment_info"):
        return {"on_cpu": None}
    parts = session.get_provider_graph_assignment_info()
    return {
        "on_cpu": Counter(
            node.op_type for part in parts if part.ep_name != CUDA for node in part.get_nodes()
        )
    }


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    opened = [open_on_cuda(**each) for each in asked]
    sys.stdout.write(json.dumps({"version": onnxruntime.__version__, "opened": opened}))
