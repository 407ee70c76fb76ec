"""A CPU quota limits PyTorch's threads; without one they are unchanged."""

import pytest
import torch

from diad_export import torch_threads


@pytest.mark.parametrize(("before", "usable", "after"), [(2, 1, 1), (2, 2, 2), (1, 4, 1)])
def test_threads(monkeypatch: pytest.MonkeyPatch, before: int, usable: int, after: int) -> None:
    found = torch.get_num_threads()
    monkeypatch.setattr(torch_threads, "usable_cores", lambda: usable)
    try:
        torch.set_num_threads(before)
        torch_threads.limit_threads()
        assert torch.get_num_threads() == after
    finally:
        torch.set_num_threads(found)
