# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How many processors a process may use: files as kernels write them, a real affinity and quota."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from unet_seg_ros.processors import cgroup_quota, sleep_while_waiting, usable_processors

ROOT = Path(__file__).parents[1]
PRINT = "from unet_seg_ros.processors import usable_processors; print(usable_processors())"

VERSION_2 = "30 24 0:26 {mounted} /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate"
VERSION_1 = "33 25 0:29 {mounted} /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct"
OTHERS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
34 25 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
"""


def system(folder: Path, groups: str, mounts: str, files: dict[str, str]) -> Path:
    """Write what the kernel tells of cgroups under `folder`."""
    texts = {
        "proc/self/cgroup": groups,
        "proc/self/mountinfo": (OTHERS + mounts).rstrip("\n"),
        **files,
    }
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n" if text else "")
    return folder


@pytest.mark.parametrize(
    ("groups", "mounts", "files", "quota"),
    [
        pytest.param(
            "0::/",
            VERSION_2.format(mounted="/"),
            {"sys/fs/cgroup/cpu.max": "150000 100000"},
            1.5,
            id="a container sees its own group as the root",
        ),
        pytest.param(
            "0::/system.slice/node.service",
            VERSION_2.format(mounted="/"),
            {
                "sys/fs/cgroup/system.slice/node.service/cpu.max": "max 100000",
                "sys/fs/cgroup/system.slice/cpu.max": "50000 20000",
            },
            2.5,
            id="the parent's quota counts",
        ),
        pytest.param(
            "0::/a/b",
            VERSION_2.format(mounted="/"),
            {
                "sys/fs/cgroup/a/b/cpu.max": "200000 100000",
                "sys/fs/cgroup/a/cpu.max": "400000 100000",
                "sys/fs/cgroup/cpu.max": "100000 100000",
            },
            1.0,
            id="the smallest counts",
        ),
        pytest.param(
            "0::/a",
            VERSION_2.format(mounted="/"),
            {"sys/fs/cgroup/other/cpu.max": "100000 100000", "sys/fs/cgroup/a/cpu.max": "max 1"},
            None,
            id="another group's quota does not",
        ),
        pytest.param(
            "7:memory:/docker/ab\n4:cpu,cpuacct:/docker/ab\n1:name=systemd:/docker/ab\n0::/",
            VERSION_1.format(mounted="/docker/ab"),
            {
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "300000",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
            },
            3.0,
            id="version 1, in a container that sees the host's names",
        ),
        pytest.param(
            "4:cpu,cpuacct:/a",
            VERSION_1.format(mounted="/"),
            {
                "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us": "-1",
                "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us": "100000",
            },
            None,
            id="version 1 without a quota",
        ),
        pytest.param("", "", {}, None, id="no cgroups at all"),
    ],
)
def test_the_quota_is_that_of_the_own_group_and_its_parents(
    tmp_path: Path, groups: str, mounts: str, files: dict[str, str], quota: float | None
) -> None:
    assert cgroup_quota(system(tmp_path, groups, mounts, files)) == quota


@pytest.mark.parametrize("quota", ["20000", "100000", "199999"])
def test_part_of_a_processor_is_none(tmp_path: Path, quota: str) -> None:
    files = {"sys/fs/cgroup/cpu.max": f"{quota} 100000"}
    assert usable_processors(system(tmp_path, "0::/", VERSION_2.format(mounted="/"), files)) == 1


def test_a_large_quota_gives_no_more_than_the_affinity(tmp_path: Path) -> None:
    files = {"sys/fs/cgroup/cpu.max": "100000000 100000"}
    root = system(tmp_path, "0::/", VERSION_2.format(mounted="/"), files)
    assert usable_processors(root) == len(os.sched_getaffinity(0))


def test_a_real_affinity_is_followed(tmp_path: Path) -> None:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert usable_processors(tmp_path) == 1
    finally:
        os.sched_setaffinity(0, before)
    assert usable_processors(tmp_path) == len(before)


@pytest.fixture
def quota_of_one() -> Iterator[Path]:
    """A cgroup with a quota of one processor, where this machine lets a test make one."""
    for parent, file, quota in (
        ("/sys/fs/cgroup", "cpu.max", "100000 100000"),
        ("/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", "100000"),
    ):
        if not Path(parent, "cgroup.procs").exists():
            continue
        group = Path(parent, f"unet_seg_test_{os.getpid()}")
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            if (group / file).exists():
                (group / file).write_text(quota)
                yield group
                return
        finally:
            group.rmdir()
    pytest.skip("no cgroup with a quota can be made here")


def test_a_real_quota_is_followed(quota_of_one: Path) -> None:
    join = "import os, pathlib, sys; pathlib.Path(sys.argv[1]).write_text(str(os.getpid())); "
    printed = subprocess.run(
        [sys.executable, "-c", join + PRINT, str(quota_of_one / "cgroup.procs")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        check=True,
        timeout=60,
    ).stdout
    assert int(printed) == 1


@pytest.mark.parametrize("said", ["", "active"])
def test_what_the_environment_says_of_waiting_stays(
    monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    if said:
        monkeypatch.setenv("OMP_WAIT_POLICY", said)
    sleep_while_waiting()
    assert os.environ["OMP_WAIT_POLICY"] == (said or "passive")
