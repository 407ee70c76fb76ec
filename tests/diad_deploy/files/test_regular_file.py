"""What stands under a name is read only where it is a regular file of a bounded size."""

import os
import socket
from pathlib import Path

import pytest

from diad_deploy.files.regular_file import NotRegularFileError, read_regular_file


def test_a_plain_file_and_a_link_to_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("file")
    assert read_regular_file(tmp_path / "file", max_bytes=5) == b"12345"
    assert read_regular_file(tmp_path / "link", max_bytes=9) == b"12345"
    with pytest.raises(NotRegularFileError, match="at most 4 bytes, found 5"):
        read_regular_file(tmp_path / "link", max_bytes=4)
    with pytest.raises(FileNotFoundError):
        read_regular_file(tmp_path / "absent", max_bytes=4)


def test_a_file_that_says_it_is_empty_is_bounded_too() -> None:
    """Files of `/proc` have size 0."""
    with pytest.raises(NotRegularFileError, match="larger than 3 bytes"):
        read_regular_file("/proc/self/maps", max_bytes=3)


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(NotRegularFileError, match=f"found {1 << 40}"):
        read_regular_file(tmp_path / "huge", max_bytes=9)


def test_what_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's name may not be long
    os.mkfifo("pipe")
    Path("folder").mkdir()
    Path("zero").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket")
        for name in ("pipe", "folder", "zero", "socket"):
            with pytest.raises(NotRegularFileError, match="expected a regular file, found"):
                read_regular_file(name, max_bytes=9)
