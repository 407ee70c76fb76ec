"""Weights are found in a file, and a file without weights is described."""

from pathlib import Path

import numpy as np
import pytest
import torch

from diad_deploy.errors import CheckpointError
from diad_export.checkpoint.tensor_files import read_tensors

WEIGHTS = {"control_model.x.weight": torch.arange(3.0)}


@pytest.mark.parametrize(
    "content",
    [
        WEIGHTS,
        {"module": WEIGHTS, "optimizer": None, "ds_version": "0.15", "ds_config": {"a": 1}},
        {"state_dict": {"module": WEIGHTS}},
        {"model": {"name": "DiAD"}, "net": WEIGHTS},
        {"params": WEIGHTS, "iteration": torch.tensor(7)},
    ],
)
def test_weights_are_found_among_other_things(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "file.pt")
    found = read_tensors(tmp_path / "file.pt").tensors
    assert list(found) == list(WEIGHTS)
    assert torch.equal(found["control_model.x.weight"], torch.arange(3.0))


def circle() -> dict[str, object]:
    found: dict[str, object] = {}
    found["model"] = found
    return found


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            torch.nn.Linear(1, 1),
            r"a whole object \(torch\.nn\.modules\.linear\.Linear\) from torch",
        ),
        ({"epoch": 1, "model": torch.nn.Linear(1, 1)}, r"Linear\).*model\.state_dict\(\), FILE"),
        (
            {"state": {0: {"exp_avg": torch.zeros(1)}}, "param_groups": []},
            "found state, param_groups; expected a trained model's weights",
        ),
        (torch.zeros(3), "found Tensor; expected"),
        ([torch.zeros(3)], "found list; expected"),
        ({}, "found dict; expected"),
        (circle(), "found model; expected"),
    ],
)
def test_files_without_weights_are_described(tmp_path: Path, content: object, message: str) -> None:
    torch.save(content, tmp_path / "file.pt")
    with pytest.raises(CheckpointError, match=f"holds no named tensors: .*{message}"):
        read_tensors(tmp_path / "file.pt")


def test_archives_of_other_kinds(tmp_path: Path) -> None:
    np.savez(tmp_path / "arrays.npz", a=np.zeros(3))
    with pytest.raises(CheckpointError, match="found another archive"):
        read_tensors(tmp_path / "arrays.npz")
    program = torch.export.export(torch.nn.Linear(1, 1), (torch.zeros(1, 1),))
    torch.export.save(program, tmp_path / "program.pt2")
    with pytest.raises(CheckpointError, match=r"a program of torch\.export"):
        read_tensors(tmp_path / "program.pt2")


@pytest.mark.filterwarnings("ignore")  # PyTorch calls TorchScript old
def test_torchscript(tmp_path: Path) -> None:
    torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), tmp_path / "script.pt")
    with pytest.raises(CheckpointError, match=r"a TorchScript program.*model\.state_dict\(\)"):
        read_tensors(tmp_path / "script.pt")
