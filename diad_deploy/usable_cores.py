"""How many cores this process may use.

Two things bound them: its affinity (`taskset`, `docker --cpuset-cpus`, cluster schedulers) and the
quota of its control groups (`docker --cpus`, limits in Kubernetes), which is time on any of them
and which no function of Python's tells. From the kernel's documents: `cgroup-v2.rst` (`cpu.max`),
`sched-bwc.rst` (`cpu.cfs_quota_us`, of version 1), and the manual page of `/proc/self/mountinfo`.
Nothing here raises: what cannot be read or understood bounds nothing.
"""

import math
import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

# single blanks and newlines alone divide: names hold form feeds and other white space as they are
_GROUP = re.compile(r"([0-9]+):([^:]*):(.*)", re.DOTALL)
_MOUNT = re.compile(r"(?:[^ ]+ ){3}(/[^ ]*) (/[^ ]*) (?:[^ ]+ )+- (cgroup2?) [^ ]* ([^ ]*)")


def usable_cores(root: Path = Path("/")) -> int:
    """Cores by affinity, and no more than the quota, whose part of a core counts as a whole one.

    Args:
        root: where `proc/self` and the mounts lie.
    """
    return max(1, min([_by_affinity(), *(math.ceil(quota) for quota in _quotas(root))]))


def _by_affinity() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # another system, or not allowed in a container
        return os.cpu_count() or 1


def _quotas(root: Path) -> Iterator[float]:
    """Cores' worth of time, of each group from the process's own up; each bounds those below."""
    for folder in _groups(root):
        try:
            if (folder / "cpu.max").exists():
                quota, period = (folder / "cpu.max").read_text().split()
            else:
                quota, period = (
                    (folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period")
                )
            # "max", or -1 in version 1: none
            if quota != "max" and int(quota) > 0 and int(period) > 0:
                yield int(quota) / int(period)
        # the topmost group has no files, and a container may hide them
        except (OSError, ValueError, OverflowError):
            continue


def _groups(root: Path) -> Iterator[Path]:
    """Folders of the process's groups that schedule the CPU, where they are mounted."""
    own = dict(_own_groups(root))
    for version, top, point in _mounts(root):
        mounted = root / point.relative_to("/")
        group = own.get(version)
        # a container may see the whole machine's name for a group that is mounted as its topmost
        inside = group is not None and group.is_relative_to(top) and ".." not in group.parts
        below = group.relative_to(top) if group is not None and inside else PurePosixPath()
        yield from (mounted / part for part in (below, *below.parents))


def _own_groups(root: Path) -> Iterator[tuple[int, PurePosixPath]]:
    """The process's groups by version: lines such as `0::/a/b` and `4:cpu,cpuacct:/a/b`."""
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
    """Version, group at the top, and mount point of each mounted tree of groups."""
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
    except OSError:  # another system than Linux, or hidden
        return []


def _unescaped(field: str) -> str:
    """Blanks and the like, which stand as a backslash and three octal digits."""
    return re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), field)
