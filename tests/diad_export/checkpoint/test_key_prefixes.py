"""Published keys are found behind the prefixes of training code."""

import pytest

from diad_export.checkpoint.key_prefixes import sort_keys, unwrap, without_common_wrapper

KEYS = (
    "model.diffusion_model.out.2.bias",
    "control_model.down11.0.weight",
    "first_stage_model.quant_conv.bias",
    "context",
)


@pytest.mark.parametrize(
    "wrapped",
    [
        "{}",
        "model.{}",
        "net.{}",
        "module.model.{}",
        "model.net._orig_mod.{}",
        "_forward_module.model.{}",
        "_orig_mod.module.network.{}",
        "model.model.{}",
    ],
)
def test_nested_wrappers(wrapped: str) -> None:
    found = sort_keys(wrapped.format(key) for key in KEYS)
    assert found.plain == {key: wrapped.format(key) for key in KEYS}
    assert not found.averaged
    assert not found.duplicates


def test_wrappers_in_the_middle() -> None:
    key = "net.model.diffusion_model._orig_mod.out.2._checkpoint_wrapped_module.bias"
    assert unwrap(key) == (KEYS[0], False)
    assert unwrap("control_model._fsdp_wrapped_module.down11.0.weight") == (KEYS[1], False)


def test_averages_inside_a_wrapper() -> None:
    found = sort_keys([f"model.{KEYS[0]}", "model.model_ema.diffusion_modelout2bias"])
    assert found.plain == {KEYS[0]: f"model.{KEYS[0]}"}
    assert found.averaged == {KEYS[0]: "model.model_ema.diffusion_modelout2bias"}


def test_keys_of_unknown_parts_keep_their_names() -> None:
    names = ["model.conv1.weight", "net.layer1.0.bn1.bias", "module.betas"]
    assert sort_keys(names).plain == {name: name for name in names}


@pytest.mark.parametrize("prefix", ["diad.", "lit.diad.", "module.diad.model.", "diad._orig_mod."])
def test_an_unknown_prefix_of_all_keys_is_removed(prefix: str) -> None:
    held = [*KEYS, "model_ema.diffusion_modelout2bias"]
    found = sort_keys(prefix + key for key in held)
    assert found.plain == {key: prefix + key for key in KEYS}
    assert found.averaged == {KEYS[0]: f"{prefix}{held[-1]}"}


def test_an_unknown_prefix_of_some_keys_is_kept() -> None:
    for names in (
        [f"diad.{KEYS[0]}", "loss.weight"],
        [f"student.{KEYS[0]}", f"teacher.{KEYS[0]}"],
        [f"diad.{KEYS[0]}", KEYS[1]],
        ["x.pretrained_model.conv1.weight", "x.pretrained_model.bn1.weight"],
    ):
        assert sort_keys(names).plain == {name: name for name in names}


def test_duplicate_keys_are_reported() -> None:
    found = sort_keys([f"model.{KEYS[1]}", f"net.{KEYS[1]}", KEYS[1]])
    assert found.duplicates == {KEYS[1]: [f"net.{KEYS[1]}", KEYS[1]]}


def test_a_part_in_a_file_of_its_own() -> None:
    names = ["module.model.conv1.weight", "module.model.bn1.bias"]
    assert list(without_common_wrapper(names)) == ["conv1.weight", "bn1.bias"]
    assert list(without_common_wrapper(["model.a", "b"])) == ["model.a", "b"]
    assert without_common_wrapper([]) == {}
