# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Message types by name: classes, and the definitions that bags carry."""

from __future__ import annotations

import pytest
from sensor_msgs.msg import Image

from unet_seg_ros.messages.definitions import Definitions, UnknownTypeError, message_class


def test_a_definition_holds_all_types_inside():
    text, digest = Definitions().get("sensor_msgs/msg/Image")
    parts = text.split("=" * 80 + "\n")
    assert parts[0].startswith("std_msgs/Header header\n")
    assert [part.splitlines()[0] for part in parts[1:]] == [
        "MSG: std_msgs/Header",
        "MSG: builtin_interfaces/Time",
    ]
    # As ROS itself computes it (type description in sensor_msgs' share folder).
    assert digest == "RIHS01_d31d41a9a4c4bc8eae9be757b0beed306564f7526c88ea6a4588fb9582527d47"


def test_a_package_of_its_own_is_read_where_it_is_installed(tmp_path, monkeypatch):
    folder = tmp_path / "share" / "my_robot" / "msg"
    folder.mkdir(parents=True)
    (folder / "Wheel.msg").write_text("float32 speed\n")
    (folder / "Chassis.msg").write_text("std_msgs/Header header\nWheel[4] wheels\nWheel[] spare\n")
    marker = tmp_path / "share" / "ament_index" / "resource_index" / "packages" / "my_robot"
    marker.parent.mkdir(parents=True)
    marker.touch()
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))

    definition = Definitions().get("my_robot/msg/Chassis")
    assert "my_robot/Wheel[4] wheels" in definition.text
    assert "MSG: my_robot/Wheel\nfloat32 speed" in definition.text
    assert definition.digest.startswith("RIHS01_")


@pytest.mark.parametrize("look_up", [Definitions().get, message_class])
def test_a_type_that_is_not_installed_is_one_sentence(look_up):
    with pytest.raises(UnknownTypeError, match=r"no_such/msg/Thing is not installed .*-no-such"):
        look_up("no_such/msg/Thing")


def test_message_class():
    assert message_class("sensor_msgs/msg/Image") is Image
