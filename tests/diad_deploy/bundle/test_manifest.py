"""A manifest is what was written, down to the bit, and its numbers can be a model's."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from diad_deploy.bundle.checksum import add_checksum, checksum_fault
from diad_deploy.bundle.folder import MANIFEST_NAME, Bundle, builtin_bundle
from diad_deploy.bundle.manifest import Manifest, from_json, to_json
from diad_deploy.diffusion.schedule import make_schedule
from diad_deploy.errors import BundleDamagedError, BundleError
from diad_deploy.files.regular_file import MAX_JSON_BYTES
from diad_deploy.files.strict_json import parse_object


def changed(manifest: Manifest, place: str, value: object) -> str:
    """The manifest with another value at `place`, and a checksum that is right."""
    values = json.loads(to_json(manifest))
    del values["manifest_sha256"]
    inner: Any = values
    *above, last = place.split(".")
    for name in above:
        inner = inner[name]
    inner[last] = value
    return add_checksum(json.dumps(values, indent=2))


def is_changed(text: bytes) -> bool:
    try:
        return checksum_fault(text, parse_object(text)) is not None
    except ValueError:
        return True


def test_one_flipped_bit_anywhere_is_found(standin_bundle: Bundle) -> None:
    text = to_json(standin_bundle.manifest).encode()
    assert from_json(text, where="m") == standin_bundle.manifest
    revision = text.index(b'"format_revision": 4') + len('"format_revision": ')
    for place in range(len(text)):
        for bit in range(8):
            flipped = bytearray(text)
            flipped[place] ^= 1 << bit
            if place == revision or (place + bit) % 199 == 0:
                with pytest.raises(BundleError):
                    from_json(bytes(flipped), where="m")
            elif bit == place % 8:  # the part of it that is quick
                assert is_changed(bytes(flipped))


def test_a_timestep_that_changed(own_bundle: Bundle) -> None:
    path = own_bundle.path / MANIFEST_NAME
    text = path.read_text()
    path.write_text(text.replace("501", "401", 1))
    assert text != path.read_text()
    with pytest.raises(BundleDamagedError, match="manifest_sha256: the manifest has changed"):
        Bundle.open(own_bundle.path)


def test_line_ends_are_no_change(standin_bundle: Bundle) -> None:
    text = to_json(standin_bundle.manifest)
    assert from_json(text.replace("\n", "\r\n"), where="m") == standin_bundle.manifest


@pytest.mark.parametrize("checksum", [None, 5, "", "F" * 64, "0" * 64])
def test_a_checksum_that_is_none(standin_bundle: Bundle, checksum: object) -> None:
    values = json.loads(to_json(standin_bundle.manifest))
    values["manifest_sha256"] = checksum
    for text in (json.dumps(values, indent=2), json.dumps({**values, "manifest_sha256": None})):
        with pytest.raises(BundleDamagedError, match="manifest_sha256"):
            from_json(text, where="m")
    del values["manifest_sha256"]
    with pytest.raises(BundleDamagedError, match="expected the manifest's own SHA-256, found None"):
        from_json(json.dumps(values), where="m")


@pytest.mark.parametrize("revision", [1, 2, 3])
def test_older_formats_have_no_checksum(standin_bundle: Bundle, revision: int) -> None:
    older = replace(standin_bundle.manifest, format_revision=revision)
    assert "manifest_sha256" not in to_json(older)
    assert from_json(to_json(older), where="m") == older
    with pytest.raises(BundleDamagedError, match="manifest_sha256: "):
        from_json(add_checksum(to_json(older)), where="m")


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("schedule.timesteps", [501, -1], "expected 0 to 999, found -1"),
        ("schedule.timesteps", [10**9, 1], "expected 0 to 999, found 1000000000"),
        ("schedule.timesteps", [1, 501], "expected decreasing numbers"),
        ("schedule.timesteps", [501, 501], "expected decreasing numbers"),
        ("schedule.start_timestep", 1000, "expected 0 to 999, found 1000"),
        ("schedule.train_timesteps", 10**10, "train_timesteps: expected 1 to 10000"),
        ("schedule.train_timesteps", 0, "train_timesteps: expected 1 to 10000"),
        ("schedule.alphas", [0.5, 0.5], "alphas: expected increasing numbers"),
        ("schedule.alphas", [0.0, 0.5], "expected numbers above 0 and up to 1"),
        ("schedule.alphas_prev", [0.7, 0.9], "expected schedule.alphas shifted by one"),
        ("schedule.alphas", [float("nan"), 0.5], r"schedule\.alphas\.0: expected a finite"),
        ("schedule.beta_end", 1.5, "expected 0 < beta_start <= beta_end < 1"),
        ("latents.scale", 0.0, r"latents\.scale: expected a number from 1e-6"),
        ("latents.scale", -1.0, r"latents\.scale: expected a number from 1e-6"),
        ("latents.scale", float("nan"), r"latents\.scale: expected a finite number, found nan"),
        ("latents.factor", 0, r"image\.size_px: expected a positive multiple"),
        ("latents.channels", 0, r"latents\.channels: expected 1"),
        ("image.size_px", 8 * 10**9, r"image\.size_px: .* at most 65536"),
        ("image.mean", [0.5, 0.5, 123.0], r"image\.mean: expected numbers from 0 to 1"),
        ("image.std", [0.5, 0.5, 0.0], r"image\.std: expected positive numbers"),
        ("image.std", [0.5, 0.5, float("inf")], r"image\.std\.2: expected a finite number"),
        ("heatmap.high", float("inf"), r"heatmap\.high: expected a finite number"),
        ("heatmap.high", -1.0, "heatmap: expected low below high"),
        (
            "heatmap.low",
            -1e308,
            "heatmap: expected low below high, with a difference finite in float32",
        ),
        (
            "heatmap.high",
            10**400,
            r"heatmap\.high: expected a finite number, found an integer of 401",
        ),
        ("fusion.sigma_px", float("nan"), r"fusion\.sigma_px: expected a finite number"),
    ],
)
def test_numbers_that_are_no_models(
    standin_bundle: Bundle, place: str, value: object, message: str
) -> None:
    with pytest.raises(BundleDamagedError, match=message):
        from_json(changed(standin_bundle.manifest, place, value), where="m")


def test_all_faults_at_once(standin_bundle: Bundle) -> None:
    text = to_json(standin_bundle.manifest).replace('"scale": 1.0', '"scale": NaN')
    with pytest.raises(BundleDamagedError) as caught:
        from_json(text.replace('"high": 3.0', '"high": -3.0'), where="m")
    for fault in ("manifest_sha256: the manifest has changed", "latents.scale: ", "heatmap: "):
        assert fault in str(caught.value)


def test_every_schedule_that_can_be_made_is_one(standin_bundle: Bundle) -> None:
    for steps in (1, 10, 61, 500, 1000):
        manifest = replace(standin_bundle.manifest, schedule=make_schedule(steps, "trailing"))
        assert from_json(to_json(manifest), where="m") == manifest


def test_a_key_that_is_there_twice(standin_bundle: Bundle) -> None:
    text = to_json(standin_bundle.manifest)
    double = text.replace('"steps": 2', '"steps": 2,\n    "steps": 2')
    assert double != text
    with pytest.raises(BundleDamagedError, match="the key 'steps' is repeated"):
        from_json(double, where="m")


def test_a_huge_manifest_is_not_read(own_bundle: Bundle) -> None:
    with (own_bundle.path / MANIFEST_NAME).open("ab") as file:
        file.truncate(200_000_000)
    with pytest.raises(
        BundleDamagedError, match=f"at most {MAX_JSON_BYTES} bytes, found 200000000"
    ):
        Bundle.open(own_bundle.path)


def test_the_built_in_bundle_has_a_checksum() -> None:
    text = (Path(builtin_bundle()) / MANIFEST_NAME).read_text()
    assert to_json(from_json(text, where="m")) == text
    assert '"manifest_sha256"' in text
