# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""prepare_for_pictures reaches the real middleware and leaves a user's own choice alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

JOIN_GRAPH = """
from unet_seg_ros.ros.middleware import prepare_for_pictures
prepare_for_pictures()
import rclpy
rclpy.init()
node = rclpy.create_node("prepared")
print(open("/proc/self/maps").read())
"""
SEGMENT = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) .*/dev/shm/fast(?:dds|rtps)_[0-9a-f]{16}$", re.M)


def segment_sizes(environment: dict[str, str]) -> list[int]:
    """Return the sizes in bytes of Fast DDS's shared memory in a process that was prepared."""
    process = subprocess.run(
        [sys.executable, "-c", JOIN_GRAPH],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "deprecated" not in process.stderr
    return [int(end, 16) - int(start, 16) for start, end in SEGMENT.findall(process.stdout)]


def test_a_prepared_process_has_shared_memory_for_several_pictures():
    assert max(segment_sizes({})) >= 16 << 20


@pytest.mark.parametrize("transports", ["DEFAULT", "UDPv4"])
def test_the_users_transports_are_kept(transports):
    sizes = segment_sizes({"FASTDDS_BUILTIN_TRANSPORTS": transports})
    assert max(sizes, default=0) < 16 << 20
