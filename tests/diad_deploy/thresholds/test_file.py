"""`thresholds.json`: what is read is what was written, and nothing else passes for it."""

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from diad_deploy.bundle.engine_spec import BatchProfile, EngineSpec, LayerTypes
from diad_deploy.bundle.folder import THRESHOLDS_NAME, Bundle
from diad_deploy.bundle.manifest import FileRecord
from diad_deploy.bundle.update import update_manifest
from diad_deploy.errors import BundleVersionError, OutputError, ThresholdsError
from diad_deploy.thresholds.decide import Decider, find_decider
from diad_deploy.thresholds.file import (
    Thresholds,
    find_thresholds,
    from_json,
    read_thresholds,
    scoring_sha256,
    to_json,
    write_thresholds,
)
from tests.diad_deploy.fake_detector import fake_manifest
from tests.diad_deploy.thresholds.threshold_case import make_threshold, make_thresholds
from tests.hub_cache import lay_cache

ENGINE = EngineSpec(
    target="tensorrt-rtx",
    graph="encoder",
    file="engines/tensorrt-rtx/encoder.engine",
    graph_sha256="0" * 64,
    precision="float16",
    version="1.3",
    compute_capabilities=("8.9",),
    profile=BatchProfile(smallest=1, tuned=1, largest=8),
    gpu=None,
    driver=None,
    workspace_bytes=None,
    optimization_level=3,
    aux_streams=-1,
    layers=LayerTypes(by_type={}, fused_attentions=0, float32=()),
)


def test_thresholds_come_back_as_they_were_and_leave_the_bundle_as_it_is(
    own_bundle: Bundle,
) -> None:
    before = {path: path.read_bytes() for path in own_bundle.path.iterdir()}
    thresholds = make_thresholds(own_bundle.manifest, schraube=0.25, größe=1 / 3)
    assert find_thresholds(own_bundle.path, own_bundle.manifest) is None
    write_thresholds(own_bundle.path / THRESHOLDS_NAME, thresholds)
    assert find_thresholds(own_bundle.path, own_bundle.manifest) == thresholds
    assert Bundle.open(own_bundle.path) == own_bundle
    after = {path: path.read_bytes() for path in own_bundle.path.iterdir()}
    assert after.keys() - before.keys() == {own_bundle.path / THRESHOLDS_NAME}
    assert all(after[path] == content for path, content in before.items())


def test_a_class_without_its_own_has_the_overall_one() -> None:
    thresholds = make_thresholds(screw=0.2)
    assert thresholds.for_class("screw").score == 0.2
    assert thresholds.for_class("gear") == thresholds.for_class(None) == thresholds.overall


def test_thresholds_of_another_bundle_are_refused(own_bundle: Bundle) -> None:
    path = own_bundle.path / THRESHOLDS_NAME
    write_thresholds(path, make_thresholds(fake_manifest()))
    with pytest.raises(ThresholdsError, match=r"another bundle .*diad-calibrate .*or remove it"):
        find_thresholds(own_bundle.path, own_bundle.manifest)


def test_a_changed_graph_or_noise_is_another_bundle_engines_and_proofs_are_not(
    own_bundle: Bundle,
) -> None:
    manifest = own_bundle.manifest
    own = scoring_sha256(manifest)
    engine_file = FileRecord(path=ENGINE.file, sha256="1" * 64, size_bytes=1)
    with_engine = replace(manifest, engines=(ENGINE,), files=(*manifest.files, engine_file))
    assert scoring_sha256(with_engine) == own
    assert scoring_sha256(replace(manifest, verification={"passed": True})) == own
    assert scoring_sha256(update_manifest(own_bundle, manifest).manifest) == own
    for place, record in enumerate(manifest.files):
        files = list(manifest.files)
        files[place] = replace(record, sha256="2" * 64)
        assert scoring_sha256(replace(manifest, files=tuple(files))) != own
    fewer = replace(manifest.schedule, timesteps=manifest.schedule.timesteps[::-1])
    assert scoring_sha256(replace(manifest, schedule=fewer)) != own


def changed(thresholds: Thresholds, **changes: object) -> bytes:
    return json.dumps({**json.loads(to_json(thresholds)), **changes}).encode()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_revision": "1"}, "expected an integer 'format_revision'"),
        ({"format_revision": True}, "expected an integer 'format_revision'"),
        ({"format_revision": 0}, "expected an integer 'format_revision'"),
        ({"surprise": 1, "backend": 2}, r"backend: .*surprise: "),
        ({"overall": None}, "overall: "),
        ({"false_alarm_rate": 0.0}, r"false_alarm_rate: expected .* found 0\.0"),
        ({"confidence": 95}, "confidence: expected"),
        ({"classes": {"a": {"score": 1.0}}}, r"classes\.a\.pixel: Field required"),
    ],
)
def test_something_else_is_refused_with_all_faults(
    changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ThresholdsError, match=message):
        from_json(changed(make_thresholds(), **changes), where="t.json")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"score": float("nan")}, "classes.a.score: expected a finite number, found nan"),
        ({"above": 99}, "classes.a: expected above from 0 to 98, found 99"),
        ({"rate_low": 0.02}, "classes.a: expected rate_low, expected_rate, rate_high to rise"),
    ],
)
def test_values_that_contradict_each_other(changes: dict[str, float], message: str) -> None:
    one = replace(make_threshold(), **changes)
    text = to_json(make_thresholds()).replace('"classes": {}', f'"classes": {{"a": {dump(one)}}}')
    with pytest.raises(ThresholdsError, match=message):
        from_json(text.encode(), where="t.json")


def dump(threshold: object) -> str:
    return json.dumps({name: getattr(threshold, name) for name in threshold.__slots__})  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\x00", b"[" * 100_000])
def test_no_json(text: bytes) -> None:
    with pytest.raises(ThresholdsError, match="diad-calibrate"):
        from_json(text, where="t.json")


def test_a_newer_format_is_named() -> None:
    with pytest.raises(BundleVersionError, match=r"format 3, but this version .* reads up to 2"):
        from_json(changed(make_thresholds(), format_revision=3), where="t.json")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.json"):
        with pytest.raises(ThresholdsError, match="cannot be read"):
            read_thresholds(path)
    (tmp_path / THRESHOLDS_NAME).symlink_to(tmp_path / "gone.json")
    with pytest.raises(ThresholdsError, match="cannot be read"):
        find_thresholds(tmp_path, fake_manifest())


def stand_in_the_way(path: Path, what: str) -> None:
    """Something else than a regular file of a bounded size in the place of thresholds."""
    if what == "pipe":
        os.mkfifo(path)
    elif what == "device":
        path.symlink_to("/dev/zero")
    elif what == "folder":
        path.mkdir()
    else:
        path.write_bytes(b"{")
        os.truncate(path, 200_000_000)


@pytest.mark.parametrize("what", ["pipe", "device", "folder", "huge file"])
def test_what_is_no_small_plain_file_is_refused_at_once(own_bundle: Bundle, what: str) -> None:
    path = own_bundle.path / THRESHOLDS_NAME
    stand_in_the_way(path, what)
    message = "leads out|cannot be read: expected (a regular file|at most)"
    for read in (
        lambda: find_thresholds(own_bundle.path, own_bundle.manifest),
        lambda: find_decider(own_bundle.path),
        lambda: find_decider(own_bundle.path, thresholds=path),
    ):
        with pytest.raises(ThresholdsError, match=message):
            read()


def test_a_link_may_not_leave_the_bundle_unless_it_is_named(
    own_bundle: Bundle, tmp_path: Path
) -> None:
    path, other = own_bundle.path / THRESHOLDS_NAME, tmp_path / "others.json"
    thresholds = make_thresholds(own_bundle.manifest)
    write_thresholds(other, thresholds)
    path.symlink_to(other)
    for read in (
        lambda: find_thresholds(own_bundle.path, own_bundle.manifest),
        lambda: find_decider(own_bundle.path),
    ):
        with pytest.raises(ThresholdsError, match=r"outside the bundle; .*--thresholds"):
            read()
    assert find_decider(own_bundle.path, thresholds=path).thresholds == thresholds
    path.unlink()
    other.rename(own_bundle.path / "line 3.json")
    path.symlink_to("line 3.json")
    assert find_thresholds(own_bundle.path, own_bundle.manifest) == thresholds


def test_a_hubs_cache_holds_thresholds_too(own_bundle: Bundle, tmp_path: Path) -> None:
    thresholds = make_thresholds(own_bundle.manifest)
    write_thresholds(own_bundle.path / THRESHOLDS_NAME, thresholds)
    snapshot = lay_cache(own_bundle.path, tmp_path / "cache")
    assert (snapshot / THRESHOLDS_NAME).is_symlink()
    assert find_thresholds(snapshot, own_bundle.manifest) == thresholds
    blob = (snapshot / THRESHOLDS_NAME).resolve()
    blob.write_text(to_json(make_thresholds(fake_manifest())))
    with pytest.raises(ThresholdsError, match="set with another bundle"):
        find_thresholds(snapshot, own_bundle.manifest)
    with blob.open("ab") as file:
        file.truncate(200_000_000)
    with pytest.raises(ThresholdsError, match="expected at most"):
        find_thresholds(snapshot, own_bundle.manifest)


@pytest.mark.parametrize("where", ["elsewhere.json", "cache/other/thresholds.json", "/dev/zero"])
def test_in_a_hubs_cache_a_link_may_lead_only_into_it(
    own_bundle: Bundle, tmp_path: Path, where: str
) -> None:
    snapshot = lay_cache(own_bundle.path, tmp_path / "cache")
    if where != "/dev/zero":
        write_thresholds(tmp_path / where, make_thresholds(own_bundle.manifest))
    (snapshot / THRESHOLDS_NAME).symlink_to(tmp_path / where)
    (snapshot / "unrelated").symlink_to(tmp_path / "gone.json")
    (snapshot / "circle").symlink_to(snapshot / "circle")
    with pytest.raises(
        ThresholdsError, match=r"outside the bundle; .*read_thresholds|regular file"
    ):
        find_thresholds(snapshot, own_bundle.manifest)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('"confidence": 0.95, "confidence": 0.5', "the key 'confidence' is repeated"),
        ('"confidence": NaN', "confidence: expected a finite number, found nan"),
        ('"confidence": 1e999', "confidence: expected a finite number, found inf"),
    ],
)
def test_a_value_that_could_be_read_in_two_ways(text: str, message: str) -> None:
    written = to_json(make_thresholds())
    with pytest.raises(ThresholdsError, match=message):
        from_json(written.replace('"confidence": 0.95', text).encode(), where="t.json")


def test_nothing_is_overwritten_unasked_or_halfway(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "t.json"
    write_thresholds(path, make_thresholds(overall=0.1))
    with pytest.raises(OutputError, match="--force"):
        write_thresholds(path, make_thresholds(overall=0.2))
    broken = make_thresholds(overall=float("nan"))
    with pytest.raises(ValueError, match="JSON compliant"):
        write_thresholds(path, broken, force=True)
    assert read_thresholds(path).overall.score == 0.1
    write_thresholds(path, make_thresholds(overall=0.2), force=True)
    assert read_thresholds(path).overall.score == np.float64(0.2)
    assert [entry.name for entry in path.parent.iterdir()] == ["t.json"]
    with pytest.raises(OutputError, match="is a folder"):
        write_thresholds(tmp_path, make_thresholds(), force=True)
    with pytest.raises(OutputError, match="cannot be written"):
        write_thresholds(path / "below" / "t.json", make_thresholds())


def test_classes_whose_names_are_no_text_come_back(tmp_path: Path) -> None:
    names = ("b\udcff", "b\\udcff", "\udc80\udcff", "\\", "größe", "\U0001f600", '"')
    thresholds = make_thresholds(**{name: 0.1 * place for place, name in enumerate(names, 1)})
    write_thresholds(tmp_path / "t.json", thresholds)
    assert read_thresholds(tmp_path / "t.json") == thresholds
    # and so that the hash of thresholds that are there already stays
    assert (
        Decider(thresholds=thresholds).thresholds_sha256
        == hashlib.sha256((tmp_path / "t.json").read_bytes()).hexdigest()
    )


def test_a_fault_in_a_class_whose_name_is_no_text_is_named() -> None:
    text = changed(make_thresholds(**{"b\udcff": 0.1}), overall=None)
    with pytest.raises(ThresholdsError, match="overall"):
        from_json(text, where="t.json")
