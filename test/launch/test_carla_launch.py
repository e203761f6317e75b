# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which programs carla.launch.py starts, and how, told by note takers in their places.

Without launch, its stand-in tells it. That the nodes then do their work together is tested in
test_whole_launch.py. Neither RViz nor ros2 bag has read these command lines.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from ros2_launch import SOURCES

from unet_seg_ros.carla.rig_file import load_rig

# Launch itself takes seconds to start, more where others need the CPU.
pytestmark = pytest.mark.timeout(240)

FRONT = "/carla/ego_vehicle/rgb_front/image"
TRUTH = "/carla/ego_vehicle/semantic_segmentation_front/image"
LEGEND_IMAGE = "/carla/ego_vehicle/rgb_front/segmentation/legend_image"
NODES = {"carla_node", "segmentation_node"}


def topics_in(config: str) -> set[str]:
    """Return the topics that a configuration of RViz or Foxglove shows."""
    text = (SOURCES / "config" / config).read_text(encoding="utf-8")
    return set(re.findall(r"(?:Value: |[tT]opic\w*\": \")(/[\w/]+)", text))


def write_lone_rig() -> None:
    """Write a rig without a semantic camera, lone.json, into this folder."""
    sensor = {"type": "sensor.camera.rgb", "id": "rgb_front"}
    vehicle = {"type": "vehicle.tesla.model3", "id": "ego_vehicle", "sensors": [sensor]}
    Path("lone.json").write_text(json.dumps({"objects": [vehicle]}))


def test_by_default_it_drives_and_segments(started):
    notes = started(NODES)
    carla, segmentation = (notes[name].parameters for name in ("carla_node", "segmentation_node"))
    assert (carla["host"], carla["port"], carla["role_name"]) == ("localhost", 2000, "ego_vehicle")
    assert (carla["town"], carla["weather"], carla["rig"]) == ("", "", "front")
    assert carla["driver"] == "none"
    assert segmentation["image_topics"] == [FRONT]
    assert segmentation["checkpoint"] == "auto"
    assert segmentation["max_batch"] == 8  # from config/segmentation.yaml
    assert carla["use_sim_time"] is segmentation["use_sim_time"] is True


def test_everything_follows_the_rig_and_the_role(workspace, started):
    workspace.add_rosbag2()
    programs = NODES | {"evaluation_node", "rviz2", "ros2 bag"}
    on_request = dict.fromkeys(("evaluate", "rviz", "record"), "true")
    notes = started(programs, rig="surround", role_name="hero", namespace="lab", **on_request)
    cameras = [camera.id for camera in load_rig("surround").cameras if not camera.is_semantic]
    topics = [f"/carla/hero/{camera}/image" for camera in cameras]
    front, truth = topics[0], "/carla/hero/semantic_segmentation_front/image"

    assert notes["segmentation_node"].parameters["image_topics"] == topics
    assert "__ns:=/lab" in notes["segmentation_node"].after("-r")
    scored = notes["evaluation_node"].parameters
    assert (scored["image_topic"], scored["truth_topic"]) == (front, truth)
    assert scored["truth_encoding"] == "palette"

    rviz = notes["rviz2"]
    assert rviz.after("-d")[0].endswith("/config/surround.rviz")
    assert rviz.parameters["use_sim_time"] is True
    for camera in cameras:
        for name in ("overlay", "legend_image"):
            shown = f"/carla/ego_vehicle/{camera}/segmentation/{name}"
            assert rviz.remappings[shown] == shown.replace("ego_vehicle", "hero")

    bag = notes["ros2 bag"]
    assert bag.arguments[:2] == ["bag", "record"]
    assert bag.after("--storage") == ["mcap"]
    assert "--use-sim-time" in bag.arguments
    assert Path(bag.after("--qos-profile-overrides-path")[0]).name == "record_qos.yaml"
    [pattern] = bag.after("--regex")
    recorded = ["/clock", "/tf", "/tf_static", "/diagnostics", "/lab/evaluation/score", truth]
    for topic in topics:
        camera = topic.removesuffix("/image")
        recorded += [topic, f"{camera}/camera_info"]
        names = ("labels", "color_mask", "overlay", "confidence", "legend", "label_info")
        recorded += [f"{camera}/segmentation/{name}" for name in (*names, "camera_info")]
        recorded.append(f"{camera}/segmentation/legend_image")
    assert all(re.search(pattern, topic) for topic in recorded)
    assert not re.search(pattern, f"{front}/compressed")
    assert not re.search(pattern, "/carla/hero/rgb_front/segmentation/masks/lane")


@pytest.mark.parametrize(("source", "encoding"), [("ros_bridge", "palette"), ("native", "tags")])
def test_cameras_of_others_are_called_as_in_the_rig(started, source, encoding):
    notes = started({"segmentation_node", "evaluation_node"}, source=source, evaluate="true")
    assert notes["segmentation_node"].parameters["image_topics"] == [FRONT]
    scored = notes["evaluation_node"].parameters
    assert (scored["image_topic"], scored["truth_topic"]) == (FRONT, TRUTH)
    assert scored["truth_encoding"] == encoding


@pytest.mark.parametrize(("rig", "topic"), [("front", ""), ("lone.json", TRUTH)])
def test_the_prediction_takes_the_place_of_a_truth_that_is_not_there(
    workspace, started, monkeypatch, rig, topic
):
    monkeypatch.chdir(workspace.folder)
    write_lone_rig()
    notes = started(NODES, rig=rig, semantic_camera="tags", semantic_camera_tags="carla23")
    segmentation = notes["segmentation_node"].parameters
    assert segmentation["semantic_camera"] == "tags"
    assert segmentation["semantic_camera_tags"] == "carla23"
    assert segmentation["semantic_camera_topics"] == [topic]


def test_where_the_prediction_goes_may_be_said(started):
    given = "['/truth/image']"
    notes = started(NODES, semantic_camera="palette", semantic_camera_topics=given)
    assert notes["segmentation_node"].parameters["semantic_camera_topics"] == ["/truth/image"]


def test_tags_of_the_own_node_are_scored_as_tags(started):
    notes = started(NODES | {"evaluation_node"}, semantic="tags", evaluate="true")
    assert notes["carla_node"].parameters["semantic"] == "tags"
    assert notes["evaluation_node"].parameters["truth_encoding"] == "tags"


@pytest.mark.parametrize(("rig", "rviz_file"), [("front", "carla"), ("surround", "surround")])
def test_without_ros2_bag_the_recorder_records_what_is_shown(started, rig, rviz_file):
    notes = started(NODES | {"recorder_node"}, rig=rig, record="true")
    recorder = notes["recorder_node"].parameters
    assert re.fullmatch(r"rosbag2_\d{4}(_\d\d){2}-\d\d(_\d\d){2}", recorder["output"])
    assert recorder["use_sim_time"] is True
    shown = topics_in(f"{rviz_file}.rviz") | topics_in("foxglove_layout.json") - {"/rosout"}
    assert LEGEND_IMAGE in shown
    assert not [topic for topic in shown if not re.fullmatch(recorder["pattern"], topic)]


@pytest.mark.parametrize("source", ["carla", "ros_bridge", "native", "topics"])
def test_the_source_says_whether_time_is_simulated(started, source):
    programs = NODES if source == "carla" else {"segmentation_node"}
    notes = started(programs, source=source)
    assert notes["segmentation_node"].parameters["use_sim_time"] is (source != "topics")


def test_masks_of_the_own_car_reach_both_nodes(started):
    masks = ["rgb_front=front.png", "rgb_rear=rear.png"]
    notes = started(NODES | {"evaluation_node"}, evaluate="true", ego_mask=str(masks))
    for name in ("segmentation_node", "evaluation_node"):
        assert notes[name].parameters["ego_mask"] == masks


def test_any_topics_will_do(workspace, started):
    workspace.add_rosbag2()
    programs = {"segmentation_node", "evaluation_node", "rviz2", "ros2 bag"}
    notes = started(
        programs,
        source="topics",
        image_topics=json.dumps(["/front/image_raw", "/rear/image_raw"]),
        truth_topic="/truth/image",
        truth_encoding="tags",
        **dict.fromkeys(("evaluate", "rviz", "record"), "true"),
    )
    segmentation, scored = (
        notes[name].parameters for name in ("segmentation_node", "evaluation_node")
    )
    assert segmentation["image_topics"] == ["/front/image_raw", "/rear/image_raw"]
    assert segmentation["use_sim_time"] is scored["use_sim_time"] is False
    assert (scored["image_topic"], scored["truth_topic"]) == ("/front/image_raw", "/truth/image")
    assert scored["truth_encoding"] == "tags"
    assert notes["rviz2"].remappings == {
        FRONT: "/front/image_raw",
        TRUTH: "/truth/image",
        "/carla/ego_vehicle/rgb_front/segmentation/overlay": "/front/segmentation/overlay",
        "/carla/ego_vehicle/rgb_front/segmentation/color_mask": "/front/segmentation/color_mask",
        LEGEND_IMAGE: "/front/segmentation/legend_image",
    }
    [pattern] = notes["ros2 bag"].after("--regex")
    assert re.search(pattern, "/rear/segmentation/labels")
    assert re.search(pattern, "/truth/image")
    assert "--use-sim-time" not in notes["ros2 bag"].arguments


def test_relative_topics_are_in_the_namespace_for_those_outside_of_it(workspace, started):
    workspace.add_rosbag2()
    notes = started(
        {"segmentation_node", "rviz2", "ros2 bag"},
        source="topics",
        namespace="robot",
        image_topics=json.dumps(["front/image", "/rear/image"]),
        **dict.fromkeys(("rviz", "record"), "true"),
    )
    assert notes["segmentation_node"].parameters["image_topics"] == ["front/image", "/rear/image"]
    [pattern] = notes["ros2 bag"].after("--regex")
    for topic in ("image", "camera_info", "segmentation/labels"):
        assert re.search(pattern, f"/robot/front/{topic}")
        assert re.search(pattern, f"/rear/{topic}")
    assert notes["rviz2"].remappings[FRONT] == "/robot/front/image"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rig": "roof"}, "no rig 'roof'"),
        ({"source": "topics", "image_topics": "front"}, "image_topics: 'front' is no list"),
        ({"evaluate": "true", "rig": "lone.json"}, "has a semantic camera with the same pose"),
        ({"source": "carl"}, 'Argument "source" provided value "carl"'),
        ({"port": "abc"}, "port: 'abc' is not a whole number"),
        ({"evaluate": "true", "keep_worst": "few"}, "keep_worst: 'few' is not a whole number"),
        ({"ego_mask": "bonnet.png"}, "ego_mask: 'bonnet.png' is not a list of texts"),
        ({"params_file": "lost.yaml"}, "params_file: cannot read 'lost.yaml': No such file"),
        ({"params_file": "broken.yaml"}, "params_file: cannot read 'broken.yaml': "),
        ({"params_file": "empty.yaml"}, "params_file: 'empty.yaml' holds no parameters"),
    ],
)
def test_what_cannot_be_started_is_said(workspace, refusal, monkeypatch, arguments, message):
    monkeypatch.chdir(workspace.folder)
    write_lone_rig()
    Path("broken.yaml").write_text("/**: {")
    Path("empty.yaml").write_text("")
    assert message in refusal(**arguments)


@pytest.mark.parametrize("rate", ["fast", "[20.0]"])
def test_a_camera_needs_a_rate(refusal, rate):
    assert f"rate: '{rate}' is not a number" in refusal("camera.launch.py", rate=rate)
