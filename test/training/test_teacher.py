# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
import torch
from torch import Tensor, nn

from unet_seg_ros.labels.label_set import UNKNOWN_ID
from unet_seg_ros.model.checkpoint import Normalization
from unet_seg_ros.training.average import MovingAverage
from unet_seg_ros.training.teacher import Teacher, mixed

# Rows 0 to 2 are classes, row 3 may be 0 or 1, the others say nothing.
ADMISSIBLE = torch.ones(256, 3, dtype=torch.bool)
ADMISSIBLE[:3] = torch.eye(3, dtype=torch.bool)
ADMISSIBLE[3, 2] = False


class Says(nn.Module):
    """Says the same of every pixel."""

    def __init__(self, *probabilities: float) -> None:
        super().__init__()
        self.logits = torch.tensor(probabilities).log().view(1, -1, 1, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the logits."""
        count, _, height, width = pictures.shape
        return self.logits.expand(count, -1, height, width)


def taught(known: int, *probabilities: float, scale: int = 1) -> Tensor:
    teacher = Teacher(Says(*probabilities), Normalization(), ADMISSIBLE, confidence=0.7)
    pictures = torch.zeros(2, 3, 4 * scale, 6 * scale, dtype=torch.uint8)
    return teacher(pictures, torch.full((2, 4, 6), known, dtype=torch.uint8)).unique()


def test_what_the_teacher_is_sure_of_is_a_label() -> None:
    assert taught(UNKNOWN_ID, 0.8, 0.1, 0.1).tolist() == [0]
    assert taught(UNKNOWN_ID, 0.6, 0.2, 0.2).tolist() == [UNKNOWN_ID]
    assert taught(UNKNOWN_ID, 0.1, 0.8, 0.1, scale=2).tolist() == [1]


def test_a_teacher_does_not_contradict_what_is_known() -> None:
    assert taught(2, 0.98, 0.01, 0.01).tolist() == [2]
    assert taught(3, 0.01, 0.01, 0.98).tolist() == [3]
    assert taught(3, 0.1, 0.8, 0.1).tolist() == [1]


def test_parts_come_with_their_rows() -> None:
    """Every picture has one colour, which is its row."""
    colors = torch.tensor([10, 20, 30, 40], dtype=torch.uint8)
    pictures = colors.view(4, 1, 1, 1).expand(-1, 3, 24, 32).contiguous()
    rows = pictures[:, 0].clone()
    labelled, labelled_rows = pictures + 100, rows + 100
    shares = []
    for seed in range(30):
        torch.manual_seed(seed)
        out, out_rows = mixed(pictures, rows, labelled, labelled_rows)
        assert (out == out_rows[:, None]).all()
        shares += (out_rows != rows).float().mean(dim=(1, 2)).tolist()
        found = set(out_rows.unique().tolist())
        assert found <= {10, 20, 30, 40, 110, 120, 130, 140}
    assert 0.15 < sum(shares) / len(shares) < 0.5
    # Boxes, whole pictures (of one class each) and nothing.
    assert {0.0, 1.0} < set(shares)


def test_nothing_unknown_is_mixed_in_as_a_class() -> None:
    pictures = torch.arange(2, dtype=torch.uint8).view(2, 1, 1, 1).expand(-1, 3, 8, 8)
    unknown = torch.full((2, 8, 8), UNKNOWN_ID, dtype=torch.uint8)
    for seed in range(30):
        torch.manual_seed(seed)
        out, _ = mixed(pictures, unknown, pictures, unknown)
        # A box at most.
        assert ((out != pictures).float().mean(dim=(1, 2, 3)) < 0.5).all()


def test_the_average_copies_first_and_then_follows() -> None:
    network = nn.BatchNorm1d(3)
    average = MovingAverage(network, decay=0.9)
    nn.init.constant_(network.weight, 3.0)
    network.num_batches_tracked.fill_(7)
    average.update(network, 0)
    assert average.network.weight.tolist() == [3.0] * 3
    nn.init.constant_(network.weight, 4.0)
    average.update(network, 10_000)
    assert torch.allclose(average.network.weight, torch.tensor(3.1))
    assert int(average.network.num_batches_tracked) == 7
    assert not average.network.training
