# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
import pytest

from unet_seg_ros.standin.faults import HELP, Faults


def test_faults_from_a_command_line() -> None:
    faults = Faults.parse(['delay={"tick_cue": 3}', "drop_images=[7, 8]", "image_latency=1"])
    assert faults == Faults(delay={"tick_cue": 3}, drop_images=[7, 8], image_latency=1)
    assert set(HELP) == set(vars(faults))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("dealy={}", "unknown fault 'dealy': choose from delay"),
        ("delay=3", "fault delay=3: must be {.*seconds}"),
        ("silent=front", "fault 'silent=front': must be NAME=JSON"),
        ("silent", "must be NAME=JSON"),
    ],
)
def test_a_wrong_fault_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Faults.parse([text])
