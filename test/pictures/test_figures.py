# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.pictures.figures import (
    UNKNOWN_COLOR,
    VIEWS,
    WRONG_COLOR,
    Column,
    error_picture,
    labelled_view,
    legend,
    overlay,
    picture_table,
    striped_mask,
    with_legend,
)

CARLA29 = LabelSet.load("carla29")


def test_overlay_lies_between_picture_and_mask_and_leaves_the_picture_alone() -> None:
    image = np.full((2, 2, 3), 100, np.uint8)
    mask = np.full((2, 2, 3), 200, np.uint8)
    shown = overlay(image, mask, np.zeros((2, 2), np.uint8))
    np.testing.assert_array_equal(shown, np.full((2, 2, 3), 140, np.uint8))
    assert (image == 100).all()


def test_what_is_a_few_pixels_wide_has_its_full_color_in_an_overlay() -> None:
    image = np.full((7, 9, 3), 90, np.uint8)
    labels = np.full((7, 9), CARLA29.class_id("Roads"), np.uint8)
    labels[:, 4:6] = CARLA29.class_id("RoadLine")
    mask = CARLA29.colorize(labels)
    shown = overlay(image, mask, labels)
    # The line, and the road beside it.
    np.testing.assert_array_equal(shown[:, 3:7], mask[:, 3:7])
    assert not (shown[:, :3] == mask[:, :3]).all(axis=2).any()
    assert not (shown[:, 7:] == mask[:, 7:]).all(axis=2).any()


def test_error_picture_is_bright_where_wrong_dim_where_right_and_grey_where_unknown() -> None:
    image = np.full((1, 3, 3), 200, np.uint8)
    prediction = np.array([[1, 1, 1]], np.uint8)
    truth = np.array([[1, 2, 255]], np.uint8)
    right, wrong, unknown = error_picture(image, prediction, truth)[0].tolist()
    assert tuple(wrong) == WRONG_COLOR
    assert tuple(unknown) == UNKNOWN_COLOR
    assert max(right) < 100 < min(image[0, 0])


def test_striped_mask_has_the_colors_of_classes_and_stripes_where_there_is_none() -> None:
    labels = np.full((60, 120), 1, np.uint8)
    labels[:, 60:] = 255
    mask = striped_mask(labels, CARLA29)
    assert (mask[:, :60] == CARLA29.classes[1].color).all()
    stripes = {tuple(color) for color in mask[0, 60:].tolist()}
    assert len(stripes) == 2
    assert stripes.isdisjoint(item.color for item in CARLA29.classes)


def test_legend_shows_the_color_of_every_class_it_names() -> None:
    figure = legend(CARLA29, range(len(CARLA29)), width=600)
    assert figure.shape[1] == 600
    colors = {tuple(color) for color in figure.reshape(-1, 3).tolist()}
    assert {item.color for item in CARLA29.classes} <= colors


@pytest.mark.parametrize(("width", "enlarged"), [(800, 800), (160, 480)])
def test_the_legend_of_a_picture_stands_below_it_and_is_never_too_narrow(
    width: int, enlarged: int
) -> None:
    picture = np.full((20, width, 3), 90, np.uint8)
    shown = with_legend(picture, CARLA29)
    height = 20 * enlarged // width
    assert shown.shape[1] == enlarged
    assert (shown[:height] == 90).all()
    np.testing.assert_array_equal(shown[height:], legend(CARLA29, range(len(CARLA29)), enlarged))


def test_picture_table_has_a_column_each_and_sharp_labels() -> None:
    camera = np.full((60, 80, 3), 90, np.uint8)
    labels = CARLA29.colorize(np.full((60, 80), CARLA29.class_id("Roads"), np.uint8))
    columns = [Column("camera", [camera] * 2), Column("labels", [labels] * 2)]
    figure = picture_table(columns, CARLA29, [1], cell_width=400)
    assert figure.shape[1] == 400 + 8 + 400
    # In the middle of the first row of pictures: 30 pixels of title above, 300 pixels high.
    assert tuple(figure[180, 200]) == (90, 90, 90)
    assert tuple(figure[180, 608]) == (128, 64, 128)


def test_a_picture_with_its_labels_is_shown_in_each_view() -> None:
    image = np.full((2, 3, 3), 100, np.uint8)
    labels = np.full((2, 3), 1, np.uint8)
    mask = CARLA29.colorize(labels)
    views = {view: labelled_view(view, image, labels, CARLA29) for view in VIEWS}
    np.testing.assert_array_equal(views["overlay"], overlay(image, mask, labels))
    np.testing.assert_array_equal(views["color_mask"], mask)
    np.testing.assert_array_equal(views["side_by_side"], np.hstack([image, mask]))
    with pytest.raises(ValueError, match=r"a picture has \(2, 3\) rows and columns"):
        labelled_view("overlay", image, labels[:1], CARLA29)
