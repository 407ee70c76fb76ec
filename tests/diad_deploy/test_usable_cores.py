"""The quota of a container bounds the cores, as a tree of /proc and /sys/fs/cgroup tells it."""

import os
from pathlib import Path

import pytest

from diad_deploy.backends.onnxruntime.sessions import default_threads
from diad_deploy.usable_cores import usable_cores

V2 = "31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate"
V1 = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct"
OTHER = "33 31 0:30 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory"
ROOT = "23 1 0:21 / / rw - ext4 /dev/vda rw"


@pytest.fixture(autouse=True)
def sixteen_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 16)


def tree(root: Path, mounts: list[str], groups: list[str], files: dict[str, str]) -> Path:
    """A file system as a process sees it; `files` lie in /sys/fs/cgroup."""
    proc = root / "proc/self"
    proc.mkdir(parents=True)
    (proc / "mountinfo").write_text("\n".join([ROOT, *mounts]) + "\n")
    (proc / "cgroup").write_text("\n".join(groups) + "\n")
    for name, content in files.items():
        path = root / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content + "\n")
    return root


def v1(folder: str, quota: int, period: int = 100_000) -> dict[str, str]:
    return {
        f"cpu,cpuacct{folder}/cpu.cfs_quota_us": str(quota),
        f"cpu,cpuacct{folder}/cpu.cfs_period_us": str(period),
    }


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 16),
        ({"cpu.max": "max 100000"}, 16),
        ({"cpu.max": "200000 100000"}, 2),
        ({"cpu.max": "150000 100000"}, 2),
        ({"cpu.max": "10000 100000"}, 1),
        ({"cpu.max": "25000 10000"}, 3),
        ({"cpu.max": "3200000 100000"}, 16),
        ({"cpu.max": "what 100000"}, 16),
        ({"cpu.max": "100000 0"}, 16),
        ({"cpu.max": ""}, 16),
        ({"cpu.max": f"{10**400} 1"}, 16),
    ],
)
def test_version_2_in_a_container(tmp_path: Path, files: dict[str, str], expected: int) -> None:
    assert usable_cores(tree(tmp_path, [V2], ["0::/"], files)) == expected


@pytest.mark.parametrize(
    ("own", "middle", "expected"),
    [("max 100000", "300000 100000", 3), ("100000 100000", "300000 100000", 1), (None, "1 1", 1)],
)
def test_every_group_above_bounds_it(
    tmp_path: Path, own: str | None, middle: str, expected: int
) -> None:
    files = {"pods.slice/cpu.max": middle}
    if own is not None:
        files["pods.slice/a b/cpu.max"] = own
    assert usable_cores(tree(tmp_path, [V2], ["0::/pods.slice/a b"], files)) == expected


@pytest.mark.parametrize(
    ("quota", "expected"), [(-1, 16), (400_000, 4), (50_000, 1), (250_000, 3), (0, 16)]
)
def test_version_1(tmp_path: Path, quota: int, expected: int) -> None:
    groups = ["4:cpu,cpuacct:/user", "3:memory:/far", "0::/"]
    files = {**v1("/user", quota), **v1("", -1)}
    assert usable_cores(tree(tmp_path, [OTHER, V1], groups, files)) == expected


@pytest.mark.parametrize(
    "top", ["/docker/abc", "/docker/another", "/docker/abc/deeper", "/../../docker"]
)
def test_version_1_mounted_at_the_containers_own_group(tmp_path: Path, top: str) -> None:
    mount = V1.replace(" / ", f" {top} ", 1)
    files = v1("", 150_000)
    assert usable_cores(tree(tmp_path, [mount], ["4:cpu,cpuacct:/docker/abc"], files)) == 2


def test_a_group_outside_of_what_the_container_sees(tmp_path: Path) -> None:
    files = {"cpu.max": "500000 100000"}
    assert usable_cores(tree(tmp_path, [V2], ["0::/../../other"], files)) == 5


def test_a_mount_point_with_a_blank(tmp_path: Path) -> None:
    mount = V2.replace("/sys/fs/cgroup", r"/sys/fs/cgroup/my\040groups")
    files = {"my groups/cpu.max": "600000 100000"}
    assert usable_cores(tree(tmp_path, [mount], ["0::/"], files)) == 6


@pytest.mark.parametrize(
    "line",
    [
        "30 1 0:1 / /mnt/a\x0cb rw - ext4 /dev/x rw",
        "30 1 0:1 / /mnt/a\x85b rw - ext4 /dev/x rw",
        "30 1 0:1 / /mnt/a\u2028b rw - ext4 /dev/x rw",
        "30 1 0:1 / /mnt/a\u2028 rw - cgroup2 x rw",
        "30 1 0:1 / relative rw - cgroup2 x rw",
        r"30 1 0:1 / /a\000b rw - cgroup2 x rw",
        "30 1 0:1 / /mnt - cgroup2",
        "cut",
        " - ",
        "",
    ],
)
def test_lines_with_any_white_space_or_of_no_known_shape(tmp_path: Path, line: str) -> None:
    files = {"cpu.max": "600000 100000"}
    groups = ["what", "1:", "0::/\u2028a", "7:na\x0cme:/b\x85"]
    assert usable_cores(tree(tmp_path, [line, V2, line], groups, files)) == 6


def test_an_affinity_that_cannot_be_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int) -> set[int]:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_getaffinity", refuse, raising=False)
    assert usable_cores(tmp_path) == 16


def test_affinity_bounds_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5}, raising=False)
    root = tree(tmp_path, [V2], ["0::/"], {"cpu.max": "800000 100000"})
    assert usable_cores(root) == 2


def test_without_affinity_or_proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    assert usable_cores(tmp_path) == 16
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cores(tmp_path) == 1


@pytest.mark.parametrize(("usable", "threads"), [(16, 0), (3, 3), (1, 1)])
def test_a_session_takes_what_may_be_used(
    monkeypatch: pytest.MonkeyPatch, usable: int, threads: int
) -> None:
    monkeypatch.setattr("diad_deploy.backends.onnxruntime.sessions.usable_cores", lambda: usable)
    assert default_threads() == threads
