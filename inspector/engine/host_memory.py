"""The memory that this process may still take: the machine's, or what the control groups around it leave of it.

In a container the machine's free memory says nothing: the kernel ends a process at the limit of its group.
"""

import contextlib
import os
from pathlib import Path
from typing import NamedTuple

SMALLEST_NO_LIMIT = 1 << 60
"""Where a group of the first version has no limit, it says a number beyond this."""


class HostMemory(NamedTuple):
    """Bytes; None where the system does not tell."""

    total: int | None
    free: int | None
    limited: bool
    """Whether a control group allows less than the machine has."""


def host_memory(root: Path = Path("/")) -> HostMemory:
    """What Linux tells below `root`: ``/proc/meminfo``, and the limits of the groups of this process and above."""
    machine = _meminfo(root / "proc/meminfo") or _by_posix()
    total, free = machine.get("MemTotal"), machine.get("MemAvailable", machine.get("MemFree"))
    groups = [_Group(limit, max(0, limit - used)) for limit, used in _limits(root)]
    limits = [one.limit for one in groups if total is None or one.limit < total]
    lefts = [*(one.left for one in groups), *([] if free is None else [free])]
    return HostMemory(min(limits) if limits else total, min(lefts, default=None), bool(limits))


class _Group(NamedTuple):
    limit: int
    left: int


def _meminfo(path: Path) -> dict[str, int]:
    found = {}
    for line in _text(path).splitlines():
        name, _, rest = line.partition(":")
        amount = rest.split()
        if amount and amount[0].isdigit():
            found[name] = int(amount[0]) * 1024
    return found


def _by_posix() -> dict[str, int]:
    found = {}
    for name, pages in (("MemTotal", "SC_PHYS_PAGES"), ("MemFree", "SC_AVPHYS_PAGES")):
        # macOS tells the first only, Windows neither.
        with contextlib.suppress(ValueError, OSError, AttributeError):
            found[name] = os.sysconf(pages) * os.sysconf("SC_PAGE_SIZE")
    return found


def _limits(root: Path) -> list[tuple[int, int]]:
    """Limit and use of every group with a limit around this process. Caches of files are given back when needed."""
    found = []
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = (*line.split(":", 2), "", "", "")[:3]
        if controllers == "":
            names, top = ("memory.max", "memory.current", "inactive_file"), root / "sys/fs/cgroup"
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            top = root / "sys/fs/cgroup/memory"
        else:
            continue
        # In a container the path may be the host's, and the group is mounted at the top.
        at = (top / path.lstrip("/")).resolve()
        for folder in [at, *at.parents] if at.is_relative_to(top.resolve()) else [top]:
            limit, used = _number(folder / names[0]), _number(folder / names[1])
            if limit is not None and used is not None and limit < SMALLEST_NO_LIMIT:
                found.append((limit, max(0, used - _cached(folder / "memory.stat", names[2]))))
            if folder == top.resolve():
                break
    return found


def _cached(path: Path, name: str) -> int:
    for line in _text(path).splitlines():
        key, _, amount = line.partition(" ")
        if key == name and amount.isdigit():
            return int(amount)
    return 0


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdigit() else None


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return ""
