"""A folder that is written aside and moved into place, beside others that do the same."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from diad_deploy.errors import OutputError
from diad_deploy.files.atomic_folder import AtomicFolder


def begin(path: Path) -> AtomicFolder:
    return AtomicFolder(path, marker="m", force=False)


def finish(whole: AtomicFolder) -> None:
    (whole.folder / "m").write_text("x")
    whole.commit()


@pytest.mark.parametrize("end", [finish, AtomicFolder.commit])
def test_a_folder_that_is_removed_while_it_is_written(
    tmp_path: Path, end: Callable[[AtomicFolder], None]
) -> None:
    def run() -> None:
        with begin(tmp_path / "out") as whole:
            shutil.rmtree(whole.folder.parent)
            end(whole)

    with pytest.raises(OutputError, match="was removed while it was being written"):
        run()
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_tidies_up_between_making_and_locking_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = tempfile.mkdtemp

    def tidied(**given: object) -> str:
        monkeypatch.setattr(tempfile, "mkdtemp", real)
        made = real(**given)  # type: ignore[call-overload]
        with begin(tmp_path / "out"):  # takes it for a leftover of a killed run
            assert not Path(made).exists()
        return str(made)

    monkeypatch.setattr(tempfile, "mkdtemp", tidied)
    with begin(tmp_path / "out") as whole:
        finish(whole)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_run_that_is_tidying_up_at_the_moment_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = tempfile.mkdtemp
    others: list[int] = []

    def held(**given: object) -> str:
        monkeypatch.setattr(tempfile, "mkdtemp", real)
        made = real(**given)  # type: ignore[call-overload]
        others.append(os.open(made, os.O_RDONLY))
        fcntl.flock(others[0], fcntl.LOCK_EX)
        return str(made)

    monkeypatch.setattr(tempfile, "mkdtemp", held)
    with begin(tmp_path / "out") as whole:
        shutil.rmtree(Path(f"/proc/self/fd/{others[0]}").readlink())
        os.close(others[0])
        finish(whole)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_leftover_that_another_run_removes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".out.partial-abcdefgh").mkdir()
    real = os.open

    def removed(path: Path, *rest: int) -> int:
        monkeypatch.setattr(os, "open", real)
        shutil.rmtree(path)
        return real(path, *rest)

    monkeypatch.setattr(os, "open", removed)
    with begin(tmp_path / "out") as whole:
        finish(whole)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
