"""One run at a time in a folder; leftovers of a killed run do not block it."""

import errno
import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from diad_deploy.errors import OutputError
from diad_deploy.report import folder as layout
from diad_deploy.report.folder_lock import lock_folder

ROOT = Path(__file__).parents[3]
HOLD = """
import sys
from pathlib import Path
from diad_deploy.report.folder_lock import lock_folder
with lock_folder(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> "Iterator[subprocess.Popen[str]]":
    """Another process that holds tmp_path/out until its standard input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "out")],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


def test_a_second_run_is_refused_with_the_owner_of_the_folder(
    tmp_path: Path, holder: "subprocess.Popen[str]"
) -> None:
    expected = rf"{tmp_path / 'out'}: another run is writing to it \(process {holder.pid}\)"
    for _ in range(2):  # the first refusal leaves the owner's name where it is
        with pytest.raises(OutputError, match=expected), lock_folder(tmp_path / "out"):
            pass
    holder.communicate("")
    with lock_folder(tmp_path / "out"):
        pass


def test_a_killed_run_does_not_block_the_next(
    tmp_path: Path, holder: "subprocess.Popen[str]"
) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    lock = tmp_path / "out" / layout.LOCK
    assert lock.read_text() == f"\n{holder.pid}\n"
    assert layout.is_empty(tmp_path / "out")
    with lock_folder(tmp_path / "out"):
        assert lock.read_text() == f"\n{os.getpid()}\n"
    assert not lock.exists()


def test_two_runs_of_one_process(tmp_path: Path) -> None:
    with (
        lock_folder(tmp_path / "out"),
        pytest.raises(OutputError, match=rf"process {os.getpid()}"),
        lock_folder(tmp_path / "out"),
    ):
        pass


def test_folders_made_for_nothing_go_again(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no model"), lock_folder(tmp_path / "a" / "b"):
        raise ValueError("no model")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mine").mkdir()
    with lock_folder(tmp_path / "mine"):
        pass
    assert (tmp_path / "mine").is_dir()


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with (
        pytest.raises(OutputError, match="is a file, expected"),
        lock_folder(tmp_path / "out"),
    ):
        pass


def test_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with lock_folder(tmp_path / "out"):
        assert (tmp_path / "out" / layout.LOCK).exists()


def test_a_run_that_ends_between_making_and_locking_takes_nothing_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    earlier = lock_folder(out)
    earlier.__enter__()
    real = os.open

    def ends_first(path: Path, *rest: int) -> int:
        monkeypatch.setattr(os, "open", real)
        earlier.__exit__(None, None, None)
        assert not out.exists()
        return real(path, *rest)

    monkeypatch.setattr(os, "open", ends_first)
    with lock_folder(out):
        assert (out / layout.LOCK).read_text() == f"\n{os.getpid()}\n"
    assert not out.exists()


def test_a_folder_that_somebody_else_made_meanwhile_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "deep" / "out"
    real = Path.mkdir

    def second(path: Path, *rest: object, **given: object) -> None:
        if not path.exists():
            real(path)  # somebody else's
        real(path, *rest, **given)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "mkdir", second)
    with lock_folder(out):
        pass
    assert out.is_dir()


def test_a_folder_that_another_run_makes_after_the_first_look_is_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    real = os.path.lexists

    def second(path: Path) -> bool:
        if path == out:
            out.mkdir(exist_ok=True)  # another run's
        return real(path)

    monkeypatch.setattr(os.path, "lexists", second)
    with lock_folder(out):
        pass
    assert out.is_dir()


def test_a_place_where_folders_never_stay_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def vanish(path: Path, *rest: object, **given: object) -> None:
        """As in /proc, or where another process removes it each time."""

    monkeypatch.setattr(Path, "mkdir", vanish)
    with pytest.raises(OutputError, match="cannot be written"), lock_folder(tmp_path / "out"):
        pass


def remade(out: Path) -> None:
    shutil.rmtree(out)
    out.mkdir()
    (out / layout.LOCK).write_text("another run's\n")


@pytest.mark.parametrize(
    ("change", "left"),
    [
        (shutil.rmtree, []),
        (lambda out: out.rename(out.with_name("moved")), ["moved", f"moved/{layout.LOCK}"]),
        (lambda out: (shutil.rmtree(out), out.write_text("a file")), ["out"]),
        (remade, ["out", f"out/{layout.LOCK}"]),
    ],
)
def test_a_folder_that_is_another_one_now_is_noticed_and_left_alone(
    tmp_path: Path, change: Callable[[Path], object], left: list[str]
) -> None:
    out = tmp_path / "out"
    with lock_folder(out) as held:
        held.check()
        change(out)
        with pytest.raises(OutputError, match="was removed or replaced while the run was writing"):
            held.check()
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")) == left


def test_names_that_meet_where_case_does_not_count(tmp_path: Path) -> None:
    names = ["a.png", "A.png", "b.png"]
    with lock_folder(tmp_path / "out") as held:
        held.check_names(names)
        # as a file system shows it that takes both names for the same
        (tmp_path / "out" / layout.LOCK.upper()).touch()
        held.check_names(["a.png", "b.png"])
        with pytest.raises(OutputError, match=r"does not distinguish A.png from a.png"):
            held.check_names(names)
        with pytest.raises(OutputError, match="does not distinguish"):
            held.check_names(["u\u0308.png", "\u00fc.png"])
