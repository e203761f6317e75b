# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`unet-seg bag` on small drives, by a small real network."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import yaml
from bag_files import (
    CAMERA,
    REAR,
    SEMANTIC,
    SIZE,
    camera_pixels,
    drive,
    image,
    stamp,
    write_ros1,
    write_rosbag2,
)
from drawn_pictures import write_picture
from engines import small_checkpoint
from terminal import on_terminal

from unet_seg_ros.bags.reader import BagReader
from unet_seg_ros.cli.main import main
from unet_seg_ros.datasets.readers import open_dataset
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.model.checkpoint import save_checkpoint

FRAMES = 7
FRONT_LABELS = "/carla/hero/rgb_front/segmentation/labels"


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def checkpoint(tmp_path: Path) -> str:
    path = tmp_path / "mine.safetensors"
    network = small_checkpoint()
    network.name = "mine"
    save_checkpoint(path, network)
    return str(path)


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    return write_rosbag2(tmp_path / "drive", drive(FRAMES))


@pytest.fixture
def masks(bag: Path, checkpoint: str, capsys: pytest.CaptureFixture[str]) -> Path:
    """Return the drive with label maps."""
    assert segment(bag, bag.parent / "masks", checkpoint) == 0
    capsys.readouterr()
    return bag.parent / "masks"


def segment(bag: Path, out: Path, checkpoint: str, *options: str) -> int:
    arguments = [str(bag), str(out), "--checkpoint", checkpoint, "--device", "cpu", *options]
    return main(["bag", "segment", *arguments])


def counts(bag: Path) -> dict[str, int]:
    with BagReader(bag) as reader:
        return reader.counts


def messages(bag: Path) -> list[Any]:
    with BagReader(bag) as reader:
        return list(reader.messages())


def damaged(bag: Path, topic: str, index: int) -> Path:
    """Write the drive with one picture cut short."""
    broken = [
        item._replace(data=item.data[:100])
        if item.topic == topic and item.time_ns // 10_000_000 == stamp(index) // 10_000_000
        else item
        for item in drive(FRAMES)
    ]
    return write_rosbag2(bag, broken)


@pytest.mark.parametrize("command", ["", "segment", "evaluate", "extract", "video", "repair"])
def test_help_has_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(["bag", *command.split(), "--help"])
    assert leaving.value.code == 0
    assert f"unet-seg bag {command}" in capsys.readouterr().out.partition("examples:")[2]


# --- segment


def test_segment_says_what_it_did(
    bag: Path, checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert segment(bag, tmp_path / "out", checkpoint) == 0
    printed = capsys.readouterr()
    assert f"       7 pictures of {CAMERA}\n       7 pictures of {REAR}\n" in printed.out
    assert f"{tmp_path / 'out'}: 14 pictures segmented by mine, 36 messages copied" in printed.out
    assert "14/14" in printed.err
    assert counts(tmp_path / "out")[FRONT_LABELS] == FRAMES


def test_segment_takes_topics_and_outputs_and_prints_json(
    bag: Path, checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--topics", CAMERA, "--outputs", "labels", "overlay", "--compress-labels", "--json"]
    assert segment(bag, tmp_path / "out", checkpoint, *options) == 0
    assert json.loads(capsys.readouterr().out) == [
        {
            "bag": str(tmp_path / "out"),
            "checkpoint": "mine",
            "pictures": {CAMERA: FRAMES},
            "copied_messages": 36,
            "damaged": [],
            "notes": [],
        }
    ]
    masks = [name for name in counts(tmp_path / "out") if "/segmentation/" in name]
    place = FRONT_LABELS.removesuffix("labels")
    assert sorted(masks) == [
        f"{place}{name}" for name in ("labels/compressed", "legend", "overlay")
    ]


def test_damaged_pictures_are_listed_and_make_the_status_1(
    checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bag = damaged(tmp_path / "drive", CAMERA, 3)
    assert segment(bag, tmp_path / "out", checkpoint) == 1
    printed = capsys.readouterr().out
    assert f"1 damaged, without masks:\n  {CAMERA} at 0.151 s: not a sensor_msgs/Image" in printed
    assert counts(tmp_path / "out")[FRONT_LABELS] == FRAMES - 1


def test_several_bags_go_into_a_folder_and_one_that_fails_stops_no_other(
    bag: Path, checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = write_ros1(tmp_path / "old.bag", drive(2))
    broken = tmp_path / "broken.mcap"
    broken.write_bytes(b"no bag")
    out = tmp_path / "out"
    arguments = [str(old), str(broken), str(bag), str(out), "--checkpoint", checkpoint]
    assert main(["bag", "segment", *arguments, "--device", "cpu"]) == 1
    printed = capsys.readouterr().out
    assert f"{out / 'old'}: 4 pictures segmented" in printed
    assert f"{out / 'drive'}: 14 pictures segmented" in printed
    assert f"{out / 'broken'}: not made: {broken}: not a rosbag2" in printed
    assert sorted(path.name for path in out.iterdir()) == ["drive", "old"]
    assert main(["bag", "segment", str(bag), str(bag), str(out), "--checkpoint", checkpoint]) == 1
    assert "two of the bags have the same name" in capsys.readouterr().err


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_leaves_nothing_under_the_final_name(
    ending: signal.Signals, checkpoint: str, tmp_path: Path
) -> None:
    bag, out = write_rosbag2(tmp_path / "long", drive(300)), tmp_path / "out"
    command = [sys.executable, "-m", "unet_seg_ros.cli.main", "bag", "segment", bag, out]
    command += ["--checkpoint", checkpoint, "--device", "cpu"]
    with on_terminal(command) as (process, read):
        shown = b""
        while b"/600" not in shown:  # the first group is done
            shown += (more := read())
            assert more, shown
        process.send_signal(ending)
        shown += b"".join(iter(read, b""))
    assert not out.exists()
    partial = tmp_path / "out.partial"
    if ending == signal.SIGINT:
        assert process.returncode == 130
        assert b"unet-seg: interrupted" in shown
        assert not partial.exists()
    else:
        assert partial.exists()
        assert segment(bag, out, checkpoint) == 1  # and says what to do, see BagWriter


@pytest.mark.timeout(300)
def test_a_cluster_of_two_workers_makes_the_same_bags(
    checkpoint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("ray", reason="the extra [ray] is not installed")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")  # else Ray writes a token to the home folder
    bags = [write_rosbag2(tmp_path / f"drive{i}", drive(FRAMES + i)) for i in range(3)]
    broken = tmp_path / "broken.mcap"
    broken.write_bytes(b"no bag")
    arguments = ["--checkpoint", checkpoint, "--device", "cpu", "--json"]
    inputs = [str(item) for item in (*bags, broken)]
    assert main(["bag", "segment", *inputs, str(tmp_path / "here"), *arguments]) == 1
    here = json.loads(capsys.readouterr().out)
    arguments += ["--ray", "local"]
    assert main(["bag", "segment", *inputs, str(tmp_path / "there"), *arguments]) == 1
    there = json.loads(capsys.readouterr().out)
    assert json.dumps(here).replace("/here/", "/there/") == json.dumps(there)
    for item in bags:
        assert messages(tmp_path / "here" / item.name) == messages(tmp_path / "there" / item.name)


# --- evaluate


def test_recorded_labels_are_scored_as_their_network_would_be(
    masks: Path, checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reports = []
    for number, options in enumerate(([], ["--checkpoint", checkpoint, "--device", "cpu"])):
        out = tmp_path / f"report{number}"
        arguments = ["--label-set", "camvid11", "--out", str(out), *options]
        assert main(["bag", "evaluate", str(masks), *arguments]) == 0
        report = json.loads((out / "report.json").read_text())
        assert report["checkpoints"][0]["name"] == "mine"
        assert f"{report['data'][0]['results'][0]['miou']:.3f}" in capsys.readouterr().out
        assert "rgb_front_" in (out / "report.html").read_text()
        reports.append(report["data"][0])
    recorded, fresh = reports
    assert recorded["frames"] == fresh["frames"] == FRAMES
    for key in ("miou", "pixel_accuracy", "boundary_f", "confusion", "per_frame"):
        assert recorded["results"][0][key] == fresh["results"][0][key], key
    assert recorded["results"][0]["expected_calibration_error"] is None


def test_compressed_label_maps_are_read_as_raw_ones(
    masks: Path, bag: Path, checkpoint: str, tmp_path: Path
) -> None:
    small = tmp_path / "small"
    assert segment(bag, small, checkpoint, "--compress-labels") == 0
    made = []
    for source in (masks, small):
        out = tmp_path / f"report_{source.name}"
        options = ["--label-set", "camvid11", "--out", str(out)]
        assert main(["bag", "evaluate", str(source), *options]) == 0
        film = out / "drive.mp4"
        assert main(["bag", "video", str(source), str(film), "--topic", CAMERA]) == 0
        report = json.loads((out / "report.json").read_text())
        made.append((report["data"][0]["results"][0]["confusion"], film.read_bytes()))
    assert made[0] == made[1]


def test_the_own_car_is_neither_segmented_nor_scored(
    bag: Path, checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mask = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    mask[-16:] = 1
    own_car = ["--ego-mask", f"rgb_front={write_picture(tmp_path / 'bonnet.png', mask)}"]
    assert segment(bag, tmp_path / "masked", checkpoint, *own_car) == 0
    capsys.readouterr()
    scored = []
    fresh = ["--checkpoint", checkpoint, "--device", "cpu"]
    for source, options in ((tmp_path / "masked", []), (bag, fresh)):
        arguments = ["--label-set", "camvid11", "--out", str(tmp_path / "r")]
        command = ["bag", "evaluate", str(source), *arguments, "--json", *own_car, *options]
        assert main(command) == 0
        [data] = json.loads(capsys.readouterr().out)["data"]
        scored.append(data["results"][0])
    for key in ("miou", "pixel_accuracy", "boundary_f", "confusion"):
        assert scored[0][key] == scored[1][key], key
    counted = np.array(scored[0]["confusion"])
    assert counted.sum() == FRAMES * SIZE[0] * (SIZE[1] - 16)
    assert main(["bag", "evaluate", str(bag), "--ego-mask", "nowhere.png"]) == 1
    assert "unet-seg: " in capsys.readouterr().err


def test_pictures_without_a_label_map_are_not_counted(
    masks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = [item for item in drive(FRAMES) if item.topic != REAR]
    with BagReader(masks) as reader:
        found = list(reader.messages())
        types = {name: topic.type_name for name, topic in reader.topics.items()}
    rows = [(item.topic, types[item.topic], item.log_time_ns, item.data) for item in found]
    labels = [row for row in rows if row[0] == FRONT_LABELS]
    dropped = write_rosbag2(
        tmp_path / "dropped", [type(kept[0])(*row) for row in rows if row not in labels[:2]]
    )
    arguments = [str(dropped), "--label-set", "camvid11", "--out", str(tmp_path / "r"), "--json"]
    assert main(["bag", "evaluate", *arguments]) == 0
    [data] = json.loads(capsys.readouterr().out)["data"]
    assert (data["frames"], data["available"]) == (FRAMES - 2, FRAMES)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ([], "has no label maps of"),
        (["--engine", "tensorrt"], "--engine: for a network, and recorded label maps"),
        (["--threads", "2", "--device", "cuda"], "--device, --threads: for a network, and"),
        (["--checkpoint", "/nowhere.safetensors"], "there is no checkpoint at"),
    ],
)
def test_what_cannot_be_evaluated_is_told(
    options: list[str],
    reason: str,
    bag: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = ["--out", str(tmp_path / "report")]
    assert main(["bag", "evaluate", str(bag), "--label-set", "camvid11", *out, *options]) == 1
    assert reason in capsys.readouterr().err


# --- extract


def test_extracted_pictures_are_a_data_set(
    bag: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "frames"
    arguments = [str(bag), str(out), "--label-set", "camvid11", "--every", "3"]
    assert main(["bag", "extract", *arguments]) == 0
    assert f"{out}: 3 pictures with ground truth of camvid11" in capsys.readouterr().out
    assert main(["data", "check", str(out), "--sheets", str(tmp_path)]) == 0
    pictures = open_dataset(str(out))
    assert pictures.label_set.name == "camvid11"
    for position, index in enumerate((0, 3, 6)):
        sample = pictures[position]
        expected = cv2.cvtColor(camera_pixels(index), cv2.COLOR_BGRA2RGB)
        assert np.array_equal(sample.image, expected)
        assert sample.labels is not None
        assert (sample.labels == index).all()


def test_every_so_many_pictures_of_each_camera_are_extracted(tmp_path: Path) -> None:
    messages = []
    for index in range(6):
        for camera in ("front", "rear"):
            tags = np.zeros((*SIZE[::-1], 4), np.uint8)
            semantic = f"/carla/hero/semantic_segmentation_{camera}/image"
            messages.append(image(semantic, stamp(index), tags, "bgra8"))
            rgb = f"/carla/hero/rgb_{camera}/image"
            messages.append(image(rgb, stamp(index), camera_pixels(index), "bgra8"))
    bag, out = write_rosbag2(tmp_path / "drive", messages), tmp_path / "frames"
    arguments = [str(bag), str(out), "--label-set", "camvid11", "--every", "2"]
    assert main(["bag", "extract", *arguments]) == 0
    names = [json.loads(line)["name"] for line in (out / "frames.jsonl").open()]
    assert names == [
        f"rgb_{camera}_{stamp(index)}" for index in (0, 2, 4) for camera in ("front", "rear")
    ]


def test_what_is_extracted_with_a_file_is_read_with_that_file(bag: Path, tmp_path: Path) -> None:
    """It has the name of a label set in the box, as a copy has that somebody changed."""
    names = list(LabelSet.load("camvid11").names)
    own = LabelSet.load("camvid11").to_dict()
    for item, name in zip(own["classes"], reversed(names), strict=True):
        item["name"] = name
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump(own))
    out = tmp_path / "frames"
    assert main(["bag", "extract", str(bag), str(out), "--label-set", str(path)]) == 0
    pictures = open_dataset(str(out))
    assert list(pictures.label_set.names) == names[::-1]


def test_the_worst_pictures_of_a_report_are_extracted_one_a_second(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every tenth frame stands for half a second; the third and the fourth are worst."""
    frames = range(0, 80, 10)
    bag = write_rosbag2(
        tmp_path / "drive",
        [
            message
            for index in frames
            for message in (
                image(CAMERA, stamp(index), camera_pixels(index), "bgra8"),
                image(SEMANTIC, stamp(index), np.zeros((*SIZE[::-1], 4), np.uint8), "bgra8"),
            )
        ],
    )
    mious = dict(zip(frames, (0.9, 0.5, 0.1, 0.2, None, 0.4, 0.8, 0.3), strict=True))
    scores = [{"name": f"rgb_front_{stamp(index)}", "miou": miou} for index, miou in mious.items()]
    report = tmp_path / "report.json"
    report.write_text(json.dumps({"data": [{"results": [{"per_frame": scores}]}]}))
    out = tmp_path / "worst"
    arguments = [str(bag), str(out), "--label-set", "camvid11", "--report", str(report)]
    assert main(["bag", "extract", *arguments, "--worst", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pictures"] == 3
    names = [json.loads(line)["name"] for line in (out / "frames.jsonl").open()]
    assert names == [f"rgb_front_{stamp(index)}" for index in (20, 50, 70)]


def test_extract_lists_what_is_damaged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bag = damaged(tmp_path / "drive", CAMERA, 3)
    out = tmp_path / "frames"
    assert main(["bag", "extract", str(bag), str(out), "--label-set", "camvid11"]) == 1
    printed = capsys.readouterr().out
    assert "6 pictures with ground truth" in printed
    assert f"1 damaged, left out:\n  {bag}: {CAMERA} at " in printed


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--worst", "3"], "--worst and --report go together"),
        (["--worst", "3", "--report", "/nowhere"], "/nowhere: is no report"),
        ([], "exists already"),
    ],
)
def test_what_cannot_be_extracted_is_told(
    options: list[str],
    reason: str,
    bag: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out" if options else tmp_path
    arguments = [str(bag), str(out), "--label-set", "camvid11", *options]
    assert main(["bag", "extract", *arguments]) == 1
    assert reason in capsys.readouterr().err


# --- video


@pytest.mark.parametrize(
    ("view", "size"), [("overlay", SIZE), ("side_by_side", (2 * SIZE[0], SIZE[1]))]
)
def test_a_segmented_drive_is_filmed(
    view: str, size: tuple[int, int], masks: Path, tmp_path: Path
) -> None:
    out = tmp_path / "drive.mp4"
    assert main(["bag", "video", str(masks), str(out), "--view", view, "--topic", CAMERA]) == 0
    capture = cv2.VideoCapture(str(out))
    assert round(capture.get(cv2.CAP_PROP_FPS)) == 20
    frames = []
    while (read := capture.read())[0]:
        frames.append(read[1])
    assert len(frames) == FRAMES
    assert (frames[0].shape[1], frames[0].shape[0]) == size
    for index, frame in enumerate(frames):
        left = frame[:, : SIZE[0]].astype(int)
        difference = abs(left - camera_pixels(index)[..., :3]).mean()
        assert difference < 10 if view == "side_by_side" else difference > 10


def test_a_film_has_a_legend_on_request(masks: Path, tmp_path: Path) -> None:
    out = tmp_path / "drive.mp4"
    arguments = [str(masks), str(out), "--topic", CAMERA, "--view", "color_mask", "--legend"]
    assert main(["bag", "video", *arguments]) == 0
    frame = cv2.VideoCapture(str(out)).read()[1]
    times = frame.shape[1] // SIZE[0]
    assert frame.shape[1] >= 400
    assert frame.shape[0] > times * SIZE[1] + 20


def test_video_needs_a_camera_with_labels_and_a_name_of_its_own(
    bag: Path, masks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "drive.mp4")
    for arguments, reason in (
        ([str(bag), out], "has no label maps of"),
        ([str(masks), out], "several cameras have label maps; give the --camera to take"),
        ([str(masks), str(tmp_path / "drive.avi")], "must end in .mp4"),
        ([str(masks), out, "--rate", "-1"], "--rate must be above 0"),
        ([str(masks), out, "--rate", "inf"], "--rate must be above 0"),
        ([str(masks), out, "--rate", "nan"], "--rate must be above 0"),
    ):
        assert main(["bag", "video", *arguments]) == 1
        assert reason in capsys.readouterr().err
    assert not list(tmp_path.glob("*.mp4"))


def test_pictures_of_cameras_of_one_name_are_all_extracted(tmp_path: Path) -> None:
    messages = [
        item._replace(topic=item.topic.replace("/carla/hero/", place))
        for item in drive(FRAMES)
        for place in ("/carla/hero/", "/carla/other/")
        if item.topic in (CAMERA, SEMANTIC)
    ]
    bag = write_rosbag2(tmp_path / "two", messages)
    out = tmp_path / "frames"
    assert main(["bag", "extract", str(bag), str(out), "--label-set", "camvid11"]) == 0
    found = open_dataset(str(out))
    assert (len(found), list(found.faults)) == (2 * FRAMES, [])
    assert len(list((out / "rgb").iterdir())) == 2 * FRAMES


def test_a_mask_of_the_own_car_that_does_not_fit_is_named(
    masks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mask = np.zeros((50, 50), np.uint8)
    mask[-9:] = 1
    path = write_picture(tmp_path / "square.png", mask)
    options = ["--label-set", "camvid11", "--out", str(tmp_path / "r"), "--ego-mask", str(path)]
    assert main(["bag", "evaluate", str(masks), *options]) == 1
    assert f"{path}: a mask of 50x50 does not fit" in capsys.readouterr().err
