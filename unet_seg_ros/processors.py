# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How many processors a process may use, which in a container are fewer than the machine has."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def usable_processors(root: Path = Path("/")) -> int:
    """Return how many threads find a processor of their own: at least 1.

    Neither more than the calling thread's affinity (taskset, `docker --cpuset-cpus`, a cpuset) nor
    more than the quota of a cgroup (`docker --cpus`, systemd's CPUQuota, a Kubernetes limit). Of a
    quota, part of a processor does not count: the group stands still for the rest of each period,
    a tenth of a second, once its threads have used the quota up.

    Args:
        root: Where `proc` and `sys` are.
    """
    processors, quota = _processors_by_affinity(), cgroup_quota(root)
    return processors if quota is None else max(1, min(processors, int(quota)))


def sleep_while_waiting() -> None:
    """Let OpenMP's threads sleep when they have nothing to do, instead of asking in a loop.

    To be called before torch is imported, whose OpenMP reads the environment once. What the
    environment says already stays.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def cgroup_quota(root: Path = Path("/")) -> float | None:
    """Return the processors that the smallest quota of this process's cgroups and their parents is.

    None where there is no quota. Version 1 (cpu.cfs_quota_us) and 2 (cpu.max) count alike; see the
    kernel's Documentation/admin-guide/cgroup-v2.rst and Documentation/scheduler/sched-bwc.rst.
    """
    quotas = [quota for group in _groups(root) if (quota := _quota(group)) is not None]
    return min(quotas, default=None)


def _processors_by_affinity() -> int:
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _groups(root: Path) -> Iterator[Path]:
    """Yield the folders of the cgroups that limit this process's processors, parents included."""
    # ID:CONTROLLERS:GROUP (cgroups(7))
    memberships = [line.split(":", 2) for line in _lines(root / "proc/self/cgroup")]
    for line in _lines(root / "proc/self/mountinfo"):
        # ID parent device ROOT MOUNT_POINT options [more ...] - TYPE source OPTIONS (proc(5))
        before, _, after = line.partition(" - ")
        _, _, _, mounted, mount_point, *_ = before.split(" ")
        type_, _, options = after.split(" ", 2)
        for _, controllers, group in memberships:
            is_two = type_ == "cgroup2" and not controllers
            is_one = type_ == "cgroup" and "cpu" in controllers.split(",")
            if is_two or (is_one and "cpu" in options.split(",")):
                yield from _with_parents(root / mount_point[1:], mounted, group)


def _with_parents(mount_point: Path, mounted: str, group: str) -> Iterator[Path]:
    """Yield the folder of `group` and of its parents under a mount of the group `mounted`.

    A container that sees the names of the host's groups has its own group mounted as the root.
    """
    inside = Path(group).relative_to(mounted) if Path(group).is_relative_to(mounted) else Path()
    if ".." in inside.parts:  # a process outside the namespace of its cgroup
        inside = Path()
    for part in (inside, *inside.parents):
        yield mount_point / part


def _quota(group: Path) -> float | None:
    """Return the processors' worth of time that a cgroup's folder allows, None for all."""
    words = " ".join(_lines(group / "cpu.max")).split()
    if not words:
        words = [*_lines(group / "cpu.cfs_quota_us"), *_lines(group / "cpu.cfs_period_us")]
    try:
        quota, period = (int(word) for word in words)
    except ValueError:  # "max", or no such files
        return None
    return quota / period if quota > 0 and period > 0 else None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
