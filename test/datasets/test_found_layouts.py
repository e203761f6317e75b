# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which pictures are found, in folders as people have them: each once, and no copies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from drawn_pictures import BLACK, gray, ids, rgb, row, write_indexed, write_picture
from PIL import Image

from unet_seg_ros.datasets.labelled_files import LabelledFiles
from unet_seg_ros.datasets.readers import open_dataset
from unet_seg_ros.datasets.samples import LabelledPictures
from unet_seg_ros.datasets.splits import split
from unet_seg_ros.errors import DataError


def write_pair(folder: Path, name: str, pictures: str = "images", masks: str = "masks") -> None:
    write_picture(folder / pictures / f"{name}.png", row(2))
    write_picture(folder / masks / f"{name}.png", ids(1, 2))


def names(pictures: LabelledPictures) -> list[str]:
    return [pictures.name_of(position) for position in range(len(pictures))]


def opened(folder: Path, layout: str = "auto") -> LabelledFiles:
    pictures = open_dataset(str(folder), label_set="carla29", layout=layout)
    assert isinstance(pictures, LabelledFiles)
    return pictures


def test_hidden_files_and_folders_are_no_data(tmp_path: Path) -> None:
    write_pair(tmp_path, "1")
    for name in (".ipynb_checkpoints/1-checkpoint", "._1"):
        write_pair(tmp_path, name)
    for folder in (".trash", "__MACOSX"):
        write_pair(tmp_path / folder, "2")
    assert names(opened(tmp_path)) == ["1"]


def test_linked_folders_are_followed_once(tmp_path: Path) -> None:
    for side in ("images", "masks"):
        write_picture(tmp_path / "store" / side / "1.png", ids(1, 2))
        (tmp_path / "set" / side).mkdir(parents=True)
        (tmp_path / "set" / side / "a").symlink_to(tmp_path / "store" / side)
        (tmp_path / "set" / side / "b").symlink_to(tmp_path / "store" / side)
        (tmp_path / "set" / side / "round").symlink_to(tmp_path / "set" / side)
    pictures = opened(tmp_path / "set")
    assert (names(pictures), pictures.drives) == (["a/1"], ["a"])


@pytest.mark.parametrize("place", ["{part}/images/{drive}", "images/{part}/{drive}"])
def test_parts_are_above_or_below(tmp_path: Path, place: str) -> None:
    for part, drive in (("train", "a"), ("train", "b"), ("valid", "c"), ("test", "d")):
        folder = tmp_path / place.format(part=part, drive=drive)
        write_picture(folder / "1.png", row(2))
        masks = Path(str(folder).replace("/images", "/masks"))
        write_picture(masks / "1.png", ids(1, 2))
    pictures = opened(tmp_path)
    assert pictures.layout == "images-masks"
    assert {part: len(members) for part, members in pictures.parts.items()} == {
        "train": 2,
        "valid": 1,
        "test": 1,
    }
    assert sorted(pictures.drives) == ["a", "b", "c", "d"]
    divided = split(pictures)
    drives = pictures.drives
    assert {drives[k] for k in divided.train} == {"a", "b"}
    assert {drives[k] for k in divided.validation} == {"c"}


def test_parts_with_one_picture_each_are_no_nuclei(tmp_path: Path) -> None:
    write_pair(tmp_path / "train", "1")
    write_pair(tmp_path / "val", "2")
    assert opened(tmp_path).layout == "images-masks"


@pytest.mark.parametrize(("pictures", "masks"), [("imgs", "masks"), ("images", "labels")])
def test_folders_have_other_names_as_well(tmp_path: Path, pictures: str, masks: str) -> None:
    write_pair(tmp_path, "1", pictures, masks)
    assert opened(tmp_path)[0].labels is not None


def test_masks_may_be_called_mask_on_the_other_side(tmp_path: Path) -> None:
    for name in ("1", "2"):
        write_picture(tmp_path / "images" / f"{name}.jpg", row(2))
        write_picture(tmp_path / "masks" / f"{name}_mask.png", ids(1, 2))
    pictures = opened(tmp_path)
    assert (names(pictures), pictures.faults) == (["1", "2"], [])


def test_two_masks_of_one_picture_are_a_fault_that_names_both(tmp_path: Path) -> None:
    write_pair(tmp_path, "1")
    write_pair(tmp_path, "2")
    write_picture(tmp_path / "masks" / "1.bmp", ids(2, 1))
    masks = tmp_path / "masks"
    pictures = opened(tmp_path)
    [fault] = pictures.faults
    assert fault.startswith(f"{masks}/1.bmp and {masks}/1.png: are labels of one picture;")
    assert names(pictures) == ["2"], "nothing tells which of them is meant"


def test_two_pictures_with_one_mask_are_a_fault_that_names_both(tmp_path: Path) -> None:
    write_pair(tmp_path, "1")
    write_pair(tmp_path, "2")
    [first] = (tmp_path / "images").glob("1.*")
    write_picture(first.with_suffix(".bmp"), row(2))
    pictures = opened(tmp_path)
    [fault] = pictures.faults
    assert f"1.bmp and {first}: are pictures of one name;" in fault
    assert names(pictures) == ["2"]


def test_a_folder_where_nothing_tells_what_belongs_together_is_refused(tmp_path: Path) -> None:
    write_pair(tmp_path, "1")
    write_picture(tmp_path / "masks" / "1.bmp", ids(2, 1))
    with pytest.raises(DataError, match=r"1.bmp and .*1.png: are labels of one picture"):
        opened(tmp_path)


def test_roboflows_masks_are_beside_with_a_list_of_classes(tmp_path: Path) -> None:
    for part in ("train", "valid"):
        write_picture(tmp_path / part / "x.jpg", row(2))
        write_picture(tmp_path / part / "x_mask.png", ids(0, 1))
        (tmp_path / part / "_classes.csv").write_text(
            "Pixel Value, Class\n0, background\n1, road\n"
        )
    pictures = open_dataset(str(tmp_path))
    assert pictures.layout == "beside"
    assert pictures.label_set.names == ("background", "road")
    assert {part: list(members) for part, members in pictures.parts.items()} == {
        "train": [0],
        "valid": [1],
    }
    assert pictures[1].labels.tolist() == [[0, 1]]  # type: ignore[union-attr]


def test_cvats_camvid_has_colors_and_a_list_of_them(tmp_path: Path) -> None:
    write_picture(tmp_path / "default" / "1.png", row(2))
    write_picture(tmp_path / "defaultannot" / "1.png", rgb(BLACK, (128, 64, 128)))
    (tmp_path / "label_colors.txt").write_text("0 0 0 background\n128 64 128 road\n")
    pictures = open_dataset(str(tmp_path))
    assert (pictures.layout, pictures.label_set.names) == ("camvid", ("background", "road"))
    assert pictures[0].labels.tolist() == [[0, 1]]  # type: ignore[union-attr]
    assert pictures.parts == {}


def test_voc_has_indices_parts_and_pictures_for_other_tasks(tmp_path: Path) -> None:
    for name in ("1", "2", "3"):
        write_picture(tmp_path / "JPEGImages" / f"{name}.jpg", row(2))
    for name in ("1", "2"):
        mask = tmp_path / "SegmentationClass" / f"{name}.png"
        write_indexed(mask, ids(0, 1), [BLACK, (128, 0, 0)])
    lists = tmp_path / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("1\n")
    (lists / "val.txt").write_text("2\n")
    pictures = open_dataset(str(tmp_path), label_set="nuclei2")
    assert (pictures.layout, names(pictures)) == ("voc", ["1", "2"])
    assert {part: list(members) for part, members in pictures.parts.items()} == {
        "train": [0],
        "val": [1],
    }
    assert pictures[0].labels.tolist() == [[0, 1]]  # type: ignore[union-attr]
    assert any("1 pictures have no file" in note for note in pictures.notes)


def test_cvats_segmentation_masks_tell_their_classes(tmp_path: Path) -> None:
    write_picture(tmp_path / "JPEGImages" / "1.jpg", row(2))
    write_picture(tmp_path / "SegmentationClass" / "1.png", rgb(BLACK, (250, 50, 83)))
    (tmp_path / "labelmap.txt").write_text(
        "# label:color_rgb:parts:actions\nCar:250,50,83::\nbackground:0,0,0::\n"
    )
    pictures = open_dataset(str(tmp_path))
    assert pictures.label_set.names == ("background", "Car")
    assert pictures[0].labels.tolist() == [[0, 1]]  # type: ignore[union-attr]


@pytest.mark.parametrize("suffix", ["tif", "tiff", "webp"])
def test_tiff_and_webp_are_pictures(tmp_path: Path, suffix: str) -> None:
    write_picture(tmp_path / "images" / f"1.{suffix}", gray(9))
    write_picture(tmp_path / "masks" / "1.png", gray(1)[..., 0])
    assert opened(tmp_path)[0].image.shape == (6, 8, 3)


@pytest.mark.parametrize(
    ("layout", "wanted"),
    [
        ("images-masks", "images/, imgs/"),
        ("palette", "images/, imgs/"),
        ("camvid", "train/ with trainannot/"),
        ("course", "CameraRGB/ with CameraSeg/ or CameraMask/"),
        ("capture", r"capture\.json"),
        ("nuclei", "folders that each have images/ and masks/"),
        ("town02", "rgb/ with segmentation/"),
        ("cityscapes", "leftImg8bit/ with gtFine/"),
        ("kitti", "image_2/ with semantic/ or semantic_rgb/"),
        ("voc", "JPEGImages/ with SegmentationClass/"),
        ("coco", r"annotations/instances_\*\.json"),
        ("yolo", "images/ with labels/"),
        ("pairs", r"x_rgb\.png with x_ids\.png"),
        ("beside", r"x\.png with x_mask\.png"),
        ("labelme", r"x\.json of labelme"),
    ],
)
def test_a_named_layout_that_lacks_something_says_what_was_looked_for_and_found(
    tmp_path: Path, layout: str, wanted: str
) -> None:
    write_picture(tmp_path / "photos" / "1.png", row(2))
    (tmp_path / "notes.txt").write_text("?")
    label_set = "" if layout in ("nuclei", "town02") else "carla29"
    found = r"found photos/, files \.txt \(1\); docs/datasets\.md shows every layout"
    with pytest.raises(
        DataError, match=f"is not laid out as {layout}: looked for .*{wanted}.*{found}"
    ):
        open_dataset(str(tmp_path), layout=layout, label_set=label_set)


def test_a_named_layout_that_does_not_fit_says_which_one_would(tmp_path: Path) -> None:
    write_picture(tmp_path / "train" / "1.png", row(2))
    write_picture(tmp_path / "trainannot" / "1.png", ids(0, 3))
    with pytest.raises(DataError, match=r"as palette: .*; without layout= it is read as camvid"):
        open_dataset(str(tmp_path), layout="palette")


def test_masks_with_other_names_than_all_pictures_are_told_at_once(tmp_path: Path) -> None:
    write_picture(tmp_path / "images" / "1.png", row(2))
    write_picture(tmp_path / "masks" / "one.png", ids(1, 2))
    with pytest.raises(DataError, match=r"no label picture for any of the 1 pictures.*found \.png"):
        opened(tmp_path)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
@pytest.mark.parametrize("drawn", ["as stored", "as shown"])
def test_masks_of_pictures_on_their_side_are_turned_with_them(
    tmp_path: Path, orientation: int, drawn: str
) -> None:
    stored = Image.new("RGB", (4, 2))
    stored.putpixel((0, 0), (255, 255, 255))
    exif = Image.Exif()
    exif[0x0112] = orientation
    (tmp_path / "images").mkdir()
    stored.save(tmp_path / "images" / "1.png", exif=exif)
    mask = gray(0, 4, 2)[..., 0]
    mask[0, 0] = 1
    if drawn == "as shown":
        mask = mask.T * 0 + 2
    write_picture(tmp_path / "masks" / "1.png", mask)
    sample = opened(tmp_path)[0]
    assert sample.labels is not None
    assert sample.image.shape[:2] == sample.labels.shape == (4, 2)
    if drawn == "as stored":
        assert (sample.labels == 1).tolist() == (sample.image[..., 0] > 0).tolist()


@pytest.mark.parametrize("orientation", [2, 3, 4])
def test_an_orientation_that_sizes_do_not_tell_is_named(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    (tmp_path / "images").mkdir()
    Image.new("RGB", (4, 2)).save(tmp_path / "images" / "1.jpg", exif=exif)
    write_picture(tmp_path / "masks" / "1.png", gray(1, 4, 2)[..., 0])
    with pytest.raises(
        DataError, match=rf"1\.jpg: notes an orientation in its EXIF data \({orientation}\)"
    ):
        opened(tmp_path)[0]


@pytest.mark.parametrize(
    ("pictures", "labels", "layout"),
    [
        (["1_rgb.png"], ["1_ids.bmp", "1_ids.png"], "pairs"),
        (["1_rgb.jpg", "1_rgb.png"], ["1_ids.png"], "pairs"),
        (["1.png"], ["1_mask.bmp", "1_mask.png"], "beside"),
        (["JPEGImages/1.png"], [f"SegmentationClass/1.{kind}" for kind in ("bmp", "png")], "voc"),
        (["JPEGImages/1.jpg", "JPEGImages/1.png"], ["SegmentationClass/1.png"], "voc"),
    ],
)
def test_files_of_one_name_are_a_fault_in_every_layout(
    tmp_path: Path, pictures: list[str], labels: list[str], layout: str
) -> None:
    for number, names_of in enumerate((pictures, labels)):
        for name in names_of:
            for copy in (name, name.replace("1", "2", 1)):
                write_picture(tmp_path / copy, ids(1, 2) if number else row(2))
    several = pictures if len(pictures) > 1 else labels
    (tmp_path / several[0].replace("1", "2", 1)).unlink()
    found = opened(tmp_path)
    assert (found.layout, len(found)) == (layout, 1)
    what = "pictures of one name" if several is pictures else "labels of one picture"
    one, other = (tmp_path / name for name in several)
    assert found.faults == [f"{one} and {other}: are {what}; leave one of them there"]
    for name in (*pictures, *labels):
        (tmp_path / name.replace("1", "2", 1)).unlink(missing_ok=True)
    with pytest.raises(DataError, match=f"{one} and {other}: are {what}"):
        opened(tmp_path, layout)


def test_pictures_of_one_name_beside_regions_are_a_fault(tmp_path: Path) -> None:
    shape = {"label": "Car", "points": [[0, 0], [2, 0], [2, 1]]}
    document = {"imageHeight": 1, "imageWidth": 2, "shapes": [shape]}
    for name in ("1", "2"):
        write_picture(tmp_path / f"{name}.png", row(2))
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
    again = write_picture(tmp_path / "1.jpg", row(2))
    found = opened(tmp_path)
    assert names(found) == ["2"]
    one = tmp_path / "1.png"
    assert found.faults == [f"{again} and {one}: are pictures of one name; leave one of them there"]


def test_lists_of_voc_name_pictures_with_spaces(tmp_path: Path) -> None:
    for name in ("a 1", "a 2", "b", "c d"):
        write_pair(tmp_path, name, "JPEGImages", "SegmentationClass")
    lists = tmp_path / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    # With the mark that some editors begin a file with, CVAT's quotes, and what may stand behind.
    (lists / "train.txt").write_bytes("\ufeffa 1\r\na 2 \r\n".encode())
    (lists / "val.txt").write_text('b  1\n"c d" 1\n')
    found = opened(tmp_path)
    parts = {part: [names(found)[k] for k in members] for part, members in found.parts.items()}
    assert parts == {"train": ["a 1", "a 2"], "val": ["b", "c d"]}


def test_links_that_lead_nowhere_are_faults(tmp_path: Path) -> None:
    write_pair(tmp_path, "1")
    for side in ("images", "masks"):
        (tmp_path / side / "2.png").symlink_to(tmp_path / "store" / side / "2.png")
    found = opened(tmp_path)
    assert names(found) == ["1", "2"]
    with pytest.raises(DataError, match=r"images/2\.png: cannot be read: No such file"):
        found[1]
    write_picture(tmp_path / "beside" / "1.png", row(2))
    write_picture(tmp_path / "beside" / "1_mask.png", ids(1, 2))
    for name in ("2.png", "2_mask.png"):
        (tmp_path / "beside" / name).symlink_to(tmp_path / name)
    assert names(opened(tmp_path / "beside")) == ["1", "2"]
