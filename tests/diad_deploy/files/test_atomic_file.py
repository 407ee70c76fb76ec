"""A file is all of the old one or all of the new one, also where open files cannot be moved."""

import errno
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from diad_deploy.bundle.folder import Bundle
from diad_deploy.bundle.update import update_manifest
from diad_deploy.files.atomic_file import replacing, write_atomically
from diad_deploy.files.atomic_folder import AtomicFolder
from diad_deploy.report.results import ResultRow, ResultsFiles, read_rows
from diad_deploy.report.resuming import rewrite_results
from diad_deploy.thresholds.file import read_thresholds, write_thresholds
from tests.diad_deploy.thresholds.threshold_case import make_thresholds


def test_rights_and_content_are_the_ones_given(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for content in (b"old", b"new"):
        write_atomically(path, content, mode=0o640)
        assert path.read_bytes() == content
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_flushed_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    path = tmp_path / "a.json"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="Input/output"):
        write_atomically(path, b"new")
    with pytest.raises(OSError, match="Input/output"), replacing(path) as partial:
        partial.write_bytes(b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_system_that_does_not_flush_is_none_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", refuse)
    write_atomically(tmp_path / "a.json", b"new")
    assert (tmp_path / "a.json").read_bytes() == b"new"


@pytest.mark.usefixtures("as_on_windows")
def test_the_test_for_open_files_can_fail(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with path.open("wb"):
        with pytest.raises(PermissionError):
            path.replace(tmp_path / "b.json")
        with pytest.raises(PermissionError):
            path.unlink()
    path.replace(tmp_path / "b.json")


@pytest.mark.usefixtures("as_on_windows")
def test_no_file_is_replaced_while_it_is_open(own_bundle: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "thresholds.json"
    for overall in (0.1, 0.2):
        write_thresholds(path, make_thresholds(overall=overall), force=True)
    assert read_thresholds(path).overall.score == 0.2

    update_manifest(own_bundle, replace(own_bundle.manifest, verification={"passed": True}))
    assert Bundle.open(own_bundle.path).manifest.verification == {"passed": True}

    report = tmp_path / "report"
    report.mkdir()
    files = report / "results.jsonl", report / "results.csv"
    with ResultsFiles(*files) as results:
        for name in ("b", "a"):
            results.append(ResultRow(picture=name, path=name, status="failed", reason="r"))
    rewrite_results(report, ["a", "b"])
    assert [row.picture for row in read_rows(files[0])] == ["a", "b"]

    for _ in range(2):
        with AtomicFolder(tmp_path / "folder", marker="m", force=True) as whole:
            (whole.folder / "m").write_text("x")
            whole.place()
