# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
import torch.nn.functional as F

from unet_seg_ros.labels import UNKNOWN_ID, LabelClass, LabelSet
from unet_seg_ros.training.loss import (
    admissible_classes,
    balancing_weights,
    set_cross_entropy,
)

CARLA29 = LabelSet.load("carla29")
TOWN02 = LabelSet.load("town02")


def test_sets_of_one_class_equal_the_cross_entropy_of_torch() -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, len(CARLA29), 5, 7, requires_grad=True)
    labels = torch.randint(0, len(CARLA29), (2, 5, 7))
    labels[0, 0] = UNKNOWN_ID
    ours = set_cross_entropy(logits, labels, admissible_classes([CARLA29], CARLA29))
    theirs = F.cross_entropy(logits, labels, ignore_index=UNKNOWN_ID)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(
        torch.autograd.grad(ours, logits)[0], torch.autograd.grad(theirs, logits)[0]
    )


def test_a_coarse_label_asks_for_the_probability_of_its_whole_set() -> None:
    torch.manual_seed(0)
    logits = torch.randn(1, len(CARLA29), 1, 1)
    other = torch.tensor([[[TOWN02.class_id("Other")]]])
    loss = set_cross_entropy(logits, other, admissible_classes([TOWN02], CARLA29))
    named = [CARLA29.class_id(name) for name in ("Roads", "SideWalks", "RoadLine")]
    probability = 1 - logits.softmax(dim=1)[0, named, 0, 0].sum()
    torch.testing.assert_close(loss, -probability.log())


def test_gradients_are_right() -> None:
    torch.manual_seed(0)
    logits = torch.randn(1, len(CARLA29), 2, 3, dtype=torch.float64, requires_grad=True)
    rows = torch.tensor([[[0, 1, 2], [3, UNKNOWN_ID, 0]]])
    admissible = admissible_classes([TOWN02], CARLA29)
    assert torch.autograd.gradcheck(lambda x: set_cross_entropy(x, rows, admissible), logits)


def test_every_source_has_rows_of_its_own() -> None:
    admissible = admissible_classes([TOWN02, CARLA29], CARLA29)
    road = CARLA29.class_id("Roads")
    assert admissible[TOWN02.class_id("Road")].nonzero().flatten().tolist() == [road]
    assert admissible[len(TOWN02) + road].nonzero().flatten().tolist() == [road]
    assert admissible[UNKNOWN_ID].all()


def test_a_label_that_the_network_has_no_class_for_says_nothing() -> None:
    animals = LabelSet("animals", (LabelClass(0, "Cow", (1, 2, 3)),))
    admissible = admissible_classes([animals], CARLA29)
    logits = torch.randn(1, len(CARLA29), 2, 2, requires_grad=True)
    loss = set_cross_entropy(logits, torch.zeros(1, 2, 2, dtype=torch.int64), admissible)
    assert loss.item() == pytest.approx(0)
    assert torch.autograd.grad(loss, logits)[0].abs().max() < 1e-6


def test_weights_say_how_much_a_pixel_counts() -> None:
    torch.manual_seed(0)
    logits = torch.randn(1, len(CARLA29), 4, 4)
    labels = torch.randint(0, len(CARLA29), (1, 4, 4))
    weights = torch.rand(256)
    ours = set_cross_entropy(logits, labels, admissible_classes([CARLA29], CARLA29), weights)
    theirs = F.cross_entropy(logits, labels, weight=weights[: len(CARLA29)])
    torch.testing.assert_close(ours, theirs)


def test_rare_classes_weigh_more_up_to_a_limit() -> None:
    pixels = torch.zeros(256)
    pixels[:3] = torch.tensor([1e6, 1e4, 1.0])
    weights = balancing_weights(pixels, largest=10)
    assert weights[1] / weights[0] == pytest.approx(10)
    assert weights[2] / weights[0] == pytest.approx(10)
    assert (weights * pixels).sum() / pixels.sum() == pytest.approx(1)
