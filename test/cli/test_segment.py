# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`unet-seg segment` on pictures, folders and a video, by a small real network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch
from drawn_pictures import write_picture
from engines import picture, small_checkpoint

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.cli.main import main
from unet_seg_ros.datasets.readers import open_dataset
from unet_seg_ros.datasets.sources import VideoFrames
from unet_seg_ros.inference.segmenter import Frame, Segmenter
from unet_seg_ros.labels.label_set import UNKNOWN_ID, LabelSet
from unet_seg_ros.model.checkpoint import save_checkpoint
from unet_seg_ros.pictures.figures import overlay, with_legend
from unet_seg_ros.pictures.files import read_label_picture, read_picture
from unet_seg_ros.pictures.video import Video

SIZE = (96, 64)
CAMVID = LabelSet.load("camvid11")
VIDEO_FRAMES = 11  # more than a batch


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def checkpoint(tmp_path: Path) -> str:
    path = tmp_path / "mine.safetensors"
    save_checkpoint(path, small_checkpoint())
    return str(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with pictures of two sizes, one of them in a folder of its own."""
    write_picture(tmp_path / "streets" / "one.png", picture(*SIZE, seed=1))
    write_picture(tmp_path / "streets" / "two.jpg", picture(120, 80, seed=2))
    write_picture(tmp_path / "streets" / "rain" / "one.png", picture(*SIZE, seed=3))
    return tmp_path / "streets"


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "drive.mp4"
    with Video(path, 10.0) as frames:
        for index in range(VIDEO_FRAMES):
            frames.write(picture(*SIZE, seed=index))
    return path


def segment(inputs: list[Path], out: Path, checkpoint: str, *options: str) -> int:
    arguments = [*map(str, inputs), str(out), "--checkpoint", checkpoint, "--device", "cpu"]
    return main(["segment", *arguments, *options])


def expected(checkpoint: str, pixels: Uint8Array) -> Uint8Array:
    segmenter = Segmenter.from_checkpoint(checkpoint, "cpu", compile="off")
    return segmenter([Frame(pixels, "rgb")])[0].labels


def written_files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_folder_gets_labels_and_overlays_of_all_pictures_below_it(
    folder: Path, checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "masks"
    assert segment([folder], out, checkpoint) == 0
    printed = capsys.readouterr()
    assert printed.out == f"{out}: labels, overlay of 3 pictures by {checkpoint}\n"
    assert "3/3" in printed.err
    names = ("one", "rain/one", "two")
    assert written_files(out) == sorted(
        [
            "label_set.yaml",
            *(f"{kind}/{name}.png" for kind in ("labels", "overlay") for name in names),
        ]
    )
    for source in folder.rglob("*.*"):
        name = source.relative_to(folder).with_suffix(".png")
        pixels = read_picture(source)
        labels = read_label_picture(out / "labels" / name)
        assert np.array_equal(labels, expected(checkpoint, pixels))
        shown = read_picture(out / "overlay" / name)
        assert np.array_equal(shown, overlay(pixels, CAMVID.colorize(labels), labels))
    assert LabelSet.load(out / "label_set.yaml") == CAMVID


def test_each_output_is_there_on_request(
    folder: Path, checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "masks"
    outputs = ["--outputs", "color_mask", "side_by_side", "--json"]
    assert segment([folder / "one.png"], out, checkpoint, *outputs) == 0
    assert json.loads(capsys.readouterr().out) == {
        "folder": str(out),
        "checkpoint": checkpoint,
        "pictures": 1,
        "faults": [],
        "not_taken": [],
    }
    assert written_files(out) == ["color_mask/one.png", "label_set.yaml", "side_by_side/one.png"]
    pixels = read_picture(folder / "one.png")
    mask = read_picture(out / "color_mask" / "one.png")
    assert np.array_equal(mask, CAMVID.colorize(expected(checkpoint, pixels)))
    both = read_picture(out / "side_by_side" / "one.png")
    assert np.array_equal(both, np.hstack([pixels, mask]))


def test_a_video_gets_a_label_map_a_frame_and_videos_to_look_at(
    video: Path, folder: Path, checkpoint: str, tmp_path: Path
) -> None:
    out = tmp_path / "masks"
    outputs = ["--outputs", "labels", "overlay", "side_by_side"]
    assert segment([video, folder / "one.png"], out, checkpoint, *outputs) == 0
    capture = cv2.VideoCapture(str(video))
    for index in range(VIDEO_FRAMES):
        pixels = np.asarray(cv2.cvtColor(capture.read()[1], cv2.COLOR_BGR2RGB), np.uint8)
        labels = read_label_picture(out / "labels" / "drive" / f"{index:06}.png")
        assert np.array_equal(labels, expected(checkpoint, pixels))
    for view, width in (("overlay", SIZE[0]), ("side_by_side", 2 * SIZE[0])):
        shown = cv2.VideoCapture(str(out / view / "drive.mp4"))
        assert shown.get(cv2.CAP_PROP_FRAME_COUNT) == VIDEO_FRAMES
        assert shown.get(cv2.CAP_PROP_FPS) == 10
        assert shown.get(cv2.CAP_PROP_FRAME_WIDTH) == width
        assert (out / view / "one.png").exists()


def test_drafts_for_labelme_are_a_data_set_with_their_pictures(
    video: Path, folder: Path, checkpoint: str, tmp_path: Path
) -> None:
    out = tmp_path / "drafts"
    assert segment([video, folder], out, checkpoint, "--outputs", "labelme") == 0
    drafts = open_dataset(str(out / "labelme"), label_set="camvid11")
    assert (len(drafts), drafts.faults) == (VIDEO_FRAMES + 3, [])
    assert (out / "labelme" / "two.jpg").read_bytes() == (folder / "two.jpg").read_bytes()
    for sample in drafts:
        draft = expected(checkpoint, sample.image)
        # An untrained network's regions are mostly specks: most of what is drawn must agree.
        drawn = sample.labels != UNKNOWN_ID
        assert np.mean(draft[drawn] == sample.labels[drawn]) > 0.5


def test_a_legend_stands_below_views_on_request_and_not_below_labels(
    video: Path, folder: Path, checkpoint: str, tmp_path: Path
) -> None:
    out = tmp_path / "masks"
    outputs = ["--outputs", "labels", "overlay", "--legend"]
    assert segment([video, folder / "one.png"], out, checkpoint, *outputs) == 0
    pixels = read_picture(folder / "one.png")
    labels = read_label_picture(out / "labels" / "one.png")
    shown = with_legend(overlay(pixels, CAMVID.colorize(labels), labels), CAMVID)
    assert np.array_equal(read_picture(out / "overlay" / "one.png"), shown)
    assert labels.shape == pixels.shape[:2]
    filmed = cv2.VideoCapture(str(out / "overlay" / "drive.mp4"))
    assert filmed.get(cv2.CAP_PROP_FRAME_HEIGHT) == shown.shape[0] // 2 * 2


def test_the_own_car_has_no_labels(
    folder: Path, checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mask = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    mask[-20:] = 1
    path = str(write_picture(tmp_path / "bonnet.png", mask))
    assert segment([folder], tmp_path / "masks", checkpoint, "--ego-mask", path) == 0
    for name in ("one", "rain/one", "two"):  # of two sizes
        labels = read_label_picture(tmp_path / "masks" / "labels" / f"{name}.png")
        unknown = labels == 255
        assert unknown.sum() == labels.size * 20 // 64
        assert unknown[-labels.shape[0] * 20 // 64 :].all()
    assert segment([folder], tmp_path / "no", checkpoint, "--ego-mask", "nowhere.png") == 1
    assert "nowhere.png: cannot be read" in capsys.readouterr().err
    turned = str(write_picture(tmp_path / "turned.png", mask.T))
    assert segment([folder], tmp_path / "no", checkpoint, "--ego-mask", turned) == 1
    assert "a mask of 64x96 does not fit" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()


def test_files_that_cannot_be_read_are_listed_and_make_the_status_1(
    folder: Path, checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "broken.png").write_bytes(b"no picture")
    notes = tmp_path / "notes.txt"
    notes.write_text("no video")
    assert segment([folder, notes], tmp_path / "masks", checkpoint) == 1
    printed = capsys.readouterr().out
    assert f"of 3 pictures by {checkpoint}\n2 damaged, left out:\n" in printed
    assert f"  {folder / 'broken.png'}: not a picture" in printed
    assert f"  {notes}: not a video" in printed


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["nowhere"], "nowhere: no such file or folder"),
        (["streets/one.png", "streets/rain/one.png"], "would have masks of the same name"),
        (["streets", "rain.mp4"], "would have masks in the folder of those of"),
        (["broken.png"], "broken.png: not a picture"),
    ],
)
def test_what_cannot_be_segmented_leaves_nothing(
    names: list[str],
    reason: str,
    folder: Path,
    checkpoint: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    (tmp_path / "rain.mp4").write_bytes(b"no video")
    before = written_files(tmp_path)
    assert segment([tmp_path / name for name in names], tmp_path / "masks", checkpoint) == 1
    assert reason in capsys.readouterr().err
    assert written_files(tmp_path) == before
    assert folder.is_dir()


def test_an_engine_that_is_not_there_is_one_sentence(
    folder: Path, checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert segment([folder], tmp_path / "masks", checkpoint, "--engine", "tensorrt") == 1
    said = capsys.readouterr().err
    assert "engine tensorrt needs CUDA" in said
    assert said.count("\n") == 1
    assert not (tmp_path / "masks").exists()


def test_a_folder_that_exists_is_left_alone(
    folder: Path, checkpoint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = written_files(folder)
    assert segment([folder], folder, checkpoint) == 1
    assert "exists already" in capsys.readouterr().err
    assert written_files(folder) == before


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(["segment", "--help"])
    assert leaving.value.code == 0
    assert "unet-seg segment" in capsys.readouterr().out.partition("examples:")[2]


def test_a_folder_of_which_most_is_not_taken_says_so(
    checkpoint: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.heic", "b.heic", "c.txt", "one.json", ".hidden"):
        (folder / name).write_bytes(b"")
    options = ["--checkpoint", checkpoint, "--outputs", "labels"]
    assert main(["segment", str(folder), str(tmp_path / "few"), *options]) == 0
    sentence = f"{folder}: 3 of 7 files are no PNG, JPEG, BMP, TIFF or WebP pictures and were not"
    assert f"{sentence} taken: .heic (2), .txt (1)" in capsys.readouterr().out
    (folder / "d.heic").write_bytes(b"")
    (folder / "e.heic").write_bytes(b"")
    assert main(["segment", str(folder), str(tmp_path / "many"), *options]) == 1


def test_an_output_that_is_named_twice_is_made_once(
    video: Path, checkpoint: str, tmp_path: Path
) -> None:
    out = tmp_path / "masks"
    assert segment([video], out, checkpoint, "--outputs", "overlay", "overlay") == 0
    assert len(list(VideoFrames(out / "overlay" / "drive.mp4"))) == VIDEO_FRAMES


def test_a_video_that_was_cut_short_is_named(
    video: Path, checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut = tmp_path / "cut.mp4"
    # With its list of frames at its beginning, as videos that are played from a network.
    options = {"movflags": "faststart"}
    with av.open(str(video)) as source, av.open(str(cut), "w", options=options) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    assert segment([cut], tmp_path / "whole", checkpoint, "--outputs", "labels") == 0
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    capsys.readouterr()
    out = tmp_path / "masks"
    assert segment([cut], out, checkpoint, "--outputs", "labels") == 1
    read = len(written_files(out / "labels"))
    assert 0 < read < VIDEO_FRAMES
    said = f"{cut}: only {read} of its {VIDEO_FRAMES} frames can be read: cut short or damaged"
    assert said in capsys.readouterr().out
