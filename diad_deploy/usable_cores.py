"""The number of CPU cores that this process may use.

Two things limit it: the process's affinity (`taskset`, `docker --cpuset-cpus`, cluster schedulers)
and the CPU quota of its control groups (`docker --cpus`, Kubernetes limits), which Python does not
report. Sources: the kernel's `cgroup-v2.rst` (`cpu.max`) and `sched-bwc.rst` (`cpu.cfs_quota_us`,
version 1), and the manual page of `/proc/self/mountinfo`. Nothing here raises: what cannot be read
is treated as no limit.
"""

import math
import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

# fields are separated by single spaces, lines by newlines; names may contain other white space
_GROUP = re.compile(r"([0-9]+):([^:]*):(.*)", re.DOTALL)
_MOUNT = re.compile(r"(?:[^ ]+ ){3}(/[^ ]*) (/[^ ]*) (?:[^ ]+ )+- (cgroup2?) [^ ]* ([^ ]*)")


def usable_cores(root: Path = Path("/")) -> int:
    """The cores in the process's affinity, limited by its CPU quota (rounded up).

    Args:
        root: the file system's root; for tests.
    """
    return max(1, min([_by_affinity(), *(math.ceil(quota) for quota in _quotas(root))]))


def _by_affinity() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # another system, or not allowed in a container
        return os.cpu_count() or 1


def _quotas(root: Path) -> Iterator[float]:
    """The quota in cores of each of the process's groups; every one is a limit."""
    for folder in _groups(root):
        try:
            if (folder / "cpu.max").exists():
                quota, period = (folder / "cpu.max").read_text().split()
            else:
                quota, period = (
                    (folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period")
                )
            # "max" (in version 1: -1) means no quota
            if quota != "max" and int(quota) > 0 and int(period) > 0:
                yield int(quota) / int(period)
        # the root group has no such files, and a container may hide them
        except (OSError, ValueError, OverflowError):
            continue


def _groups(root: Path) -> Iterator[Path]:
    """The folders of the process's CPU groups, from its own up to the mount point."""
    own = dict(_own_groups(root))
    for version, top, point in _mounts(root):
        mounted = root / point.relative_to("/")
        group = own.get(version)
        # in a container, the name may be the host's while the group itself is mounted as the root
        inside = group is not None and group.is_relative_to(top) and ".." not in group.parts
        below = group.relative_to(top) if group is not None and inside else PurePosixPath()
        yield from (mounted / part for part in (below, *below.parents))


def _own_groups(root: Path) -> Iterator[tuple[int, PurePosixPath]]:
    """The version and name of each of the process's groups.

    Lines look like `0::/a/b` (version 2) and `4:cpu,cpuacct:/a/b` (version 1).
    """
    for line in _lines(root / "proc/self/cgroup"):
        found = _GROUP.fullmatch(line)
        if found is None:
            continue
        number, controllers, path = found.groups()
        if number == "0" and not controllers:
            yield 2, PurePosixPath(path)
        elif "cpu" in controllers.split(","):
            yield 1, PurePosixPath(path)


def _mounts(root: Path) -> Iterator[tuple[int, PurePosixPath, PurePosixPath]]:
    """The version, root group, and mount point of each mounted hierarchy."""
    for line in _lines(root / "proc/self/mountinfo"):
        found = _MOUNT.match(line)
        if found is None:
            continue
        top, point = (PurePosixPath(_unescaped(field)) for field in found.groups()[:2])
        kind, options = found.groups()[2:]
        if kind == "cgroup2":
            yield 2, top, point
        elif kind == "cgroup" and "cpu" in options.split(","):
            yield 1, top, point


def _lines(path: Path) -> list[str]:
    try:
        return os.fsdecode(path.read_bytes()).split("\n")
    except OSError:  # not Linux, or hidden
        return []


def _unescaped(field: str) -> str:
    """Decode spaces and the like, which are written as a backslash and three octal digits."""
    return re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), field)
