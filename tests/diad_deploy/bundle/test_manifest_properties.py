"""Any manifest comes back as it was; a field or a byte that is another is refused."""

import json
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from diad_deploy.bundle.checksum import FIELD, add_checksum
from diad_deploy.bundle.engine_spec import BatchProfile, EngineSpec
from diad_deploy.bundle.manifest import (
    FORMAT_REVISION,
    GRAPH_NAMES,
    CheckpointOrigin,
    FileRecord,
    FusionLayer,
    FusionSpec,
    GraphSpec,
    HeatmapSpec,
    ImageSpec,
    LatentsSpec,
    Manifest,
    NoiseSpec,
    ParityRecord,
    TensorSpec,
    from_json,
    to_json,
)
from diad_deploy.bundle.precision_spec import PrecisionSpec
from diad_deploy.diffusion.schedule import make_schedule
from diad_deploy.errors import BundleDamagedError, BundleError

TEXTS = st.text(max_size=6)
WHOLE = st.integers(-(2**63), 2**63)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | WHOLE | FLOATS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(TEXTS, JSON, max_size=3)
# for the fields that are not given below: `builds` goes by their types
for simple, strategy in ((str, TEXTS), (int, WHOLE), (float, FLOATS)):
    st.register_type_strategy(simple, strategy)


def few(strategy: st.SearchStrategy[Any], most: int = 2) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(strategy, max_size=most).map(tuple)


SIZES = st.tuples(st.integers(1, 64), st.integers(1, 64))
SHARES = st.tuples(*[st.floats(0, 1)] * 3)
POSITIVE = st.tuples(*[st.floats(0, 1, exclude_min=True)] * 3)
PROFILES = st.lists(st.integers(1, 2**31), min_size=3, max_size=3).map(
    lambda sizes: BatchProfile(smallest=min(sizes), tuned=sorted(sizes)[1], largest=max(sizes))
)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    factor, cells = draw(SIZES)
    low, high = sorted(draw(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=2, unique=True)))
    tensors = few(st.builds(TensorSpec))
    return Manifest(
        format_revision=draw(st.integers(1, FORMAT_REVISION)),
        checkpoint=draw(st.builds(CheckpointOrigin)),
        image=ImageSpec(size_px=factor * cells, mean=draw(SHARES), std=draw(POSITIVE)),
        latents=LatentsSpec(
            channels=draw(st.integers(1, 64)), factor=factor, scale=draw(st.floats(1e-6, 1e6))
        ),
        schedule=make_schedule(draw(st.integers(1, 6)), "trailing"),
        noise=draw(st.builds(NoiseSpec)),
        fusion=draw(st.builds(FusionSpec, layers=few(st.builds(FusionLayer)))),
        heatmap=HeatmapSpec(low=low, high=high),
        only_mid_control=draw(st.booleans()),
        graphs=tuple(
            draw(st.builds(GraphSpec, name=st.just(name), inputs=tensors, outputs=tensors))
            for name in draw(st.permutations(GRAPH_NAMES))
        ),
        files=draw(few(st.builds(FileRecord))),
        parity=draw(few(st.builds(ParityRecord))),
        model=draw(OBJECTS),
        versions=draw(st.dictionaries(TEXTS, TEXTS, max_size=2)),
        precision=draw(st.none() | st.builds(PrecisionSpec)),
        convolutions=draw(st.sampled_from(["plain", "winograd"])),
        engines=draw(few(st.builds(EngineSpec, profile=PROFILES), most=1)),
        verification=draw(st.none() | OBJECTS),
    )


MANIFESTS = manifests()
WRITTEN = MANIFESTS.filter(lambda manifest: manifest.format_revision == FORMAT_REVISION)
FREE = ("model", "versions", "verification", "by_type")
"""Objects with whatever keys."""
OPTIONAL = (*FREE, "precision", "convolutions", "engines", "nodes", FIELD)


def records(values: dict[str, Any]) -> list[dict[str, Any]]:
    """All objects in the manifest's JSON whose fields are fixed, the manifest first."""
    found = [values]
    for name, value in values.items():
        inner = value if isinstance(value, list) else [value]
        if name not in FREE:
            found += [one for part in inner if isinstance(part, dict) for one in records(part)]
    return found


def dumped(values: dict[str, Any]) -> str:
    values.pop(FIELD, None)
    text = json.dumps(values, indent=2)
    return add_checksum(text) if values["format_revision"] == FORMAT_REVISION else text


@settings(max_examples=20)
@given(MANIFESTS)
def test_a_manifest_comes_back_as_it_was(manifest: Manifest) -> None:
    text = to_json(manifest)
    assert from_json(text, where="m") == manifest
    assert from_json(text.encode().replace(b"\n", b"\r\n"), where="m") == manifest
    assert to_json(from_json(text, where="m")) == text
    assert from_json(dumped(json.loads(text)), where="m") == manifest


@settings(max_examples=30)
@given(MANIFESTS, st.data())
def test_a_field_too_many_too_few_or_of_another_type_is_named(
    manifest: Manifest, data: st.DataObject
) -> None:
    values = json.loads(to_json(manifest))
    values.pop(FIELD, None)
    record = data.draw(st.sampled_from(records(values)))
    name = data.draw(st.sampled_from(sorted(record.keys() - {"format_revision"})))
    change = data.draw(st.sampled_from(["unknown", "type", "missing"]))
    if change == "unknown":
        name = "odd"
        record[name] = 1
    elif change == "type":
        record[name] = [{"odd": 1}]
    else:
        assume(name not in OPTIONAL)
        del record[name]
    with pytest.raises(BundleDamagedError, match=name):
        from_json(dumped(values), where="m")


@settings(max_examples=20)
@given(WRITTEN, st.data())
def test_any_bytes_that_change_are_found(manifest: Manifest, data: st.DataObject) -> None:
    text = to_json(manifest).encode()
    start = data.draw(st.integers(0, len(text)))
    end = min(len(text), start + data.draw(st.integers(0, 3)))
    changed = text[:start] + data.draw(st.binary(max_size=3)) + text[end:]
    assume(changed.replace(b"\r\n", b"\n") != text)
    with pytest.raises(BundleError):
        from_json(changed, where="m")


@given(st.binary() | st.text() | OBJECTS.map(json.dumps))
def test_what_is_no_manifest_is_refused(text: str | bytes) -> None:
    with pytest.raises(BundleError):
        from_json(text, where="m")
