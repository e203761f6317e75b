# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The loss against torch, against the definitions of its terms, and where numbers get extreme."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from unet_seg_ros.labels.label_set import UNKNOWN_ID, LabelSet
from unet_seg_ros.labels.mapping import label_rows, mapping_between
from unet_seg_ros.training.loss import THIN_PX, SegmentationLoss, balancing_weights, thin_parts

CARLA29 = LabelSet.load("carla29")
TOWN02 = LabelSet.load("town02")
CLASSES = 5

# Five classes alone, three sets that overlap, and the rest says nothing.
SETS = [{0}, {1}, {2}, {3}, {4}, {0, 1}, {1, 2, 3}, {3, 4}]


def table(sets: list[set[int]]) -> Tensor:
    """Return the `(256, CLASSES)` table whose first rows are `sets`."""
    admissible = torch.ones(256, CLASSES, dtype=torch.bool)
    for row, classes in enumerate(sets):
        admissible[row] = torch.tensor([class_id in classes for class_id in range(CLASSES)])
    return admissible


ADMISSIBLE = table(SETS)
SINGLE = table(SETS[:CLASSES])


def random_batch(seed: int, row_count: int, scale: float = 3.0) -> tuple[Tensor, Tensor]:
    """Return float64 logits and rows below `row_count`, some of them 255."""
    generator = torch.Generator().manual_seed(seed)
    shape = (2, 4, 3)
    logits = scale * torch.randn(2, CLASSES, 4, 3, generator=generator, dtype=torch.float64)
    rows = torch.randint(0, row_count, shape, generator=generator)
    unknown = torch.rand(shape, generator=generator) < 0.2
    return logits, rows.masked_fill(unknown, UNKNOWN_ID)


def by_pixel(logits: Tensor, rows: Tensor) -> tuple[Tensor, list[set[int] | None]]:
    """Return probabilities `(M, C)` and for each pixel its set, None where it says nothing."""
    probabilities = logits.softmax(dim=1).permute(0, 2, 3, 1).reshape(-1, CLASSES)
    return probabilities, [SETS[row] if row < len(SETS) else None for row in rows.flatten()]


def regions(logits: Tensor, rows: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Return for each set in the batch its probabilities and truth, of the pixels that tell."""
    probabilities, labels = by_pixel(logits, rows)
    found = []
    for target in SETS:
        if target not in labels:
            continue
        pixels = [
            (probabilities[i, sorted(target)].sum(), float(label <= target))
            for i, label in enumerate(labels)
            if label is not None and (label <= target or not label & target)
        ]
        predicted, truth = zip(*pixels, strict=True)
        found.append((torch.stack(predicted), torch.tensor(truth, dtype=torch.float64)))
    return found


def jaccard_loss(wrong: Tensor, truth: Tensor) -> float:
    """Return `1 - |A and B| / |A or B|` where the pixels in `wrong` are predicted wrong."""
    predicted = truth.bool() ^ wrong
    union = (predicted | truth.bool()).sum()
    return float(1 - (predicted & truth.bool()).sum() / union) if union else 0.0


def lovasz_by_definition(predicted: Tensor, truth: Tensor) -> Tensor:
    """Return the Lovász extension as the paper defines it (Definition 1), pixel by pixel."""
    errors = (truth - predicted).abs()
    wrong = torch.zeros(len(truth), dtype=torch.bool)
    total = torch.zeros((), dtype=torch.float64)
    for pixel in errors.argsort(descending=True):
        before = jaccard_loss(wrong, truth)
        wrong[pixel] = True
        total += errors[pixel] * (jaccard_loss(wrong, truth) - before)
    return total


def term(logits: Tensor, rows: Tensor, *, dice: float = 0.0, lovasz: float = 0.0) -> Tensor:
    """Return what a term adds to the loss."""
    whole = SegmentationLoss(ADMISSIBLE, dice=dice, lovasz=lovasz)(logits, rows)
    return whole - SegmentationLoss(ADMISSIBLE)(logits, rows)


seeds = st.integers(0, 2**32 - 1)
batches_of_sets = st.builds(random_batch, seeds, st.just(len(SETS)))
# How long an example takes says nothing: the first one waits for torch.
untimed = settings(deadline=None, max_examples=30)


@untimed
@given(seeds, st.sampled_from([0.1, 3.0, 100.0]))
def test_sets_of_one_class_equal_the_cross_entropy_of_torch(seed: int, scale: float) -> None:
    logits, rows = random_batch(seed, CLASSES, scale)
    rows[0, 0, 0] = 0
    weights = torch.rand(256, dtype=torch.float64) + 0.1
    logits.requires_grad_()
    theirs = F.cross_entropy(
        logits, rows, weight=weights[:CLASSES], ignore_index=UNKNOWN_ID, reduction="mean"
    )
    for admissible in (SINGLE, ADMISSIBLE):
        ours = SegmentationLoss(admissible, weights)(logits, rows)
        torch.testing.assert_close(ours, theirs)
        torch.testing.assert_close(
            torch.autograd.grad(ours, logits)[0],
            torch.autograd.grad(theirs, logits, retain_graph=True)[0],
        )


@untimed
@given(batches_of_sets)
def test_a_coarse_label_asks_for_the_probability_of_its_whole_set(
    batch: tuple[Tensor, Tensor],
) -> None:
    logits, rows = batch
    probabilities, labels = by_pixel(logits, rows)
    losses = [
        -probabilities[i, sorted(label)].sum().log() for i, label in enumerate(labels) if label
    ]
    expected = torch.stack(losses).mean() if losses else torch.zeros(())
    torch.testing.assert_close(SegmentationLoss(ADMISSIBLE)(logits, rows), expected.double())


def test_a_mapping_of_the_package_trains_on_the_probability_of_all_others() -> None:
    rows = label_rows([mapping_between(TOWN02, CARLA29)])
    loss = SegmentationLoss(torch.from_numpy(rows.admissible))
    logits = torch.randn(1, len(CARLA29), 1, 1)
    other = torch.tensor([[[int(rows.tables[0][TOWN02.class_id("Other")])]]])
    named = [CARLA29.class_id(name) for name in ("Roads", "SideWalks", "RoadLine")]
    probability = 1 - logits.softmax(dim=1)[0, named, 0, 0].sum()
    torch.testing.assert_close(loss(logits, other), -probability.log())


@untimed
@given(batches_of_sets)
def test_dice_is_that_of_its_definition(batch: tuple[Tensor, Tensor]) -> None:
    losses = [
        1 - 2 * (predicted * truth).sum() / (predicted.sum() + truth.sum())
        for predicted, truth in regions(*batch)
    ]
    expected = torch.stack(losses).mean() if losses else torch.zeros(())
    torch.testing.assert_close(term(*batch, dice=1.0), expected.double())


@untimed
@given(batches_of_sets)
def test_lovasz_is_that_of_its_definition(batch: tuple[Tensor, Tensor]) -> None:
    losses = [lovasz_by_definition(predicted, truth) for predicted, truth in regions(*batch)]
    expected = torch.stack(losses).mean() if losses else torch.zeros(())
    torch.testing.assert_close(term(*batch, lovasz=1.0), expected.double())


def test_on_sure_predictions_lovasz_is_one_minus_the_iou() -> None:
    """What the extension is for: at the corners it is the Jaccard loss itself."""
    truth = torch.tensor([[[0, 0, 0, 1, 1, 1]]])
    predicted = torch.tensor([[[0, 0, 1, 1, 1, 0]]])
    logits = 1000 * F.one_hot(predicted, CLASSES).permute(0, 3, 1, 2).double()
    assert term(logits, truth, lovasz=1.0).item() == pytest.approx(1 - 2 / 4)
    assert term(logits, truth, dice=1.0).item() == pytest.approx(1 - 2 / 3)


def test_the_terms_add_up() -> None:
    logits, rows = random_batch(0, len(SETS))
    whole = SegmentationLoss(ADMISSIBLE, dice=0.5, lovasz=2.0)(logits, rows)
    parts = (
        SegmentationLoss(ADMISSIBLE)(logits, rows)
        + 0.5 * term(logits, rows, dice=1.0)
        + 2.0 * term(logits, rows, lovasz=1.0)
    )
    torch.testing.assert_close(whole, parts)


@pytest.mark.parametrize(("dice", "lovasz"), [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)])
@pytest.mark.parametrize("admissible", [SINGLE, ADMISSIBLE], ids=["single", "sets"])
def test_gradients_are_right(admissible: Tensor, dice: float, lovasz: float) -> None:
    logits, rows = random_batch(1, CLASSES if admissible is SINGLE else len(SETS))
    logits, rows = logits[:1].requires_grad_(), rows[:1]
    loss = SegmentationLoss(admissible, torch.rand(256) + 0.1, dice=dice, lovasz=lovasz)
    assert torch.autograd.gradcheck(lambda x: loss(x, rows), logits)


@pytest.mark.parametrize(("dice", "lovasz"), [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)])
def test_pixels_that_say_nothing_change_nothing(dice: float, lovasz: float) -> None:
    loss = SegmentationLoss(ADMISSIBLE, dice=dice, lovasz=lovasz)
    logits, rows = random_batch(2, len(SETS))
    rows[:, 2:] = UNKNOWN_ID
    logits.requires_grad_()
    whole = loss(logits, rows)
    torch.testing.assert_close(whole, loss(logits[:, :, :2], rows[:, :2]))
    gradient = torch.autograd.grad(whole, logits)[0]
    assert gradient[:, :, :2].any()
    assert not gradient[:, :, 2:].any()


@pytest.mark.parametrize("admissible", [SINGLE, ADMISSIBLE], ids=["single", "sets"])
def test_a_batch_without_labels_has_no_loss(admissible: Tensor) -> None:
    loss = SegmentationLoss(admissible, dice=1.0, lovasz=1.0)
    logits = torch.randn(1, CLASSES, 2, 2, requires_grad=True)
    value = loss(logits, torch.full((1, 2, 2), UNKNOWN_ID))
    assert value.item() == 0
    assert not torch.autograd.grad(value, logits)[0].any()


def test_weights_say_how_much_a_pixel_counts() -> None:
    logits, rows = random_batch(3, 2)
    rows[0, 0, 0], rows[0, 0, 1] = 0, 1
    only_first = torch.zeros(256)
    only_first[0] = 7.0
    expected = SegmentationLoss(ADMISSIBLE)(logits, rows.where(rows == 0, UNKNOWN_ID))
    torch.testing.assert_close(SegmentationLoss(ADMISSIBLE, only_first)(logits, rows), expected)


def test_what_an_opening_takes_away_is_thin() -> None:
    """Against OpenCV's opening of each region, a line, a gap and the picture's border included."""
    rows = np.zeros((40, 60), np.uint8)
    rows[10:30, 5 : 5 + THIN_PX - 1] = 1
    rows[10:30, 20 : 20 + THIN_PX] = 2
    rows[5:35, 28:40], rows[5:35, 42:55] = 3, 3
    rows[:, 58:] = 4
    thin = thin_parts(torch.from_numpy(rows).long()[None])[0].numpy()
    square = np.ones((THIN_PX, THIN_PX), np.uint8)
    for row in range(5):
        region = (rows == row).astype(np.uint8)
        opened = cv2.dilate(cv2.erode(region, square), square)
        assert np.array_equal(thin[rows == row], opened[rows == row] == 0), row
    assert thin[rows == 1].all()
    assert not thin[rows == 2].any()
    assert thin[20, 40:42].all(), "the gap between two things"
    unknown = np.where(rows == 0, UNKNOWN_ID, rows)
    assert not thin_parts(torch.from_numpy(unknown).long()[None])[0].numpy()[rows == 1].any()


def test_what_is_thin_counts_for_more() -> None:
    rows = torch.zeros(1, 12, 24, dtype=torch.int64)
    rows[:, :, 10:12] = 1
    logits = torch.randn(1, CLASSES, 12, 24, generator=torch.Generator().manual_seed(7))
    weighted = SegmentationLoss(ADMISSIBLE, thin=4.0)(logits, rows)
    of_line = SegmentationLoss(ADMISSIBLE)(logits, rows.masked_fill(rows == 0, UNKNOWN_ID))
    of_rest = SegmentationLoss(ADMISSIBLE)(logits, rows.masked_fill(rows == 1, UNKNOWN_ID))
    torch.testing.assert_close(weighted, (4 * 24 * of_line + 264 * of_rest) / (4 * 24 + 264))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("sign", [1, -1])
def test_extreme_logits_stay_finite_and_still_teach(dtype: torch.dtype, sign: int) -> None:
    largest = min(torch.finfo(dtype).max, 1e30)
    logits = torch.zeros(1, CLASSES, 1, len(SETS), dtype=dtype)
    logits[:, 4] = sign * largest
    logits.requires_grad_()
    rows = torch.arange(len(SETS)).view(1, 1, -1)
    value = SegmentationLoss(ADMISSIBLE, dice=1.0, lovasz=1.0)(logits, rows)
    assert value.isfinite()
    [gradient] = torch.autograd.grad(value, logits)
    assert gradient.isfinite().all()
    for classes, pull in zip(SETS, gradient[0, 4, 0].tolist(), strict=True):
        is_wrong = 4 not in classes if sign > 0 else classes == {4}
        assert not is_wrong or sign * pull > 0, "what is wrongly sure must be pulled back"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_single(dtype: torch.dtype) -> None:
    logits, rows = random_batch(4, len(SETS))
    half = logits.to(dtype)
    loss = SegmentationLoss(ADMISSIBLE, dice=1.0, lovasz=1.0)
    with torch.autocast("cpu", torch.bfloat16):
        value = loss(half, rows)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, loss(half.float(), rows))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_layout_of_the_logits_does_not_matter(layout: torch.memory_format) -> None:
    logits, rows = random_batch(5, len(SETS))
    loss = SegmentationLoss(ADMISSIBLE, dice=1.0, lovasz=1.0)
    moved = logits.contiguous(memory_format=layout)
    torch.testing.assert_close(loss(moved, rows), loss(logits, rows))


def test_compiles_into_one_graph() -> None:
    loss = SegmentationLoss(ADMISSIBLE, dice=1.0, lovasz=1.0, thin=2.0)
    # The eager backend compiles nothing, but the graph must be captured whole all the same.
    compiled = torch.compile(loss, fullgraph=True, backend="eager")
    logits, rows = random_batch(6, len(SETS) - 2)
    ours, theirs = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    value, expected = compiled(ours, rows), loss(theirs, rows)
    torch.testing.assert_close(value, expected)
    value.backward()
    expected.backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_nothing_of_it_is_kept_with_the_weights() -> None:
    assert not SegmentationLoss(ADMISSIBLE, dice=1.0, lovasz=1.0).state_dict()


def test_a_row_of_no_class_is_refused() -> None:
    with pytest.raises(ValueError, match="a row of admissible classes is empty"):
        SegmentationLoss(table([{0}, set()]))


def test_rare_classes_weigh_more_up_to_a_limit() -> None:
    pixels = torch.zeros(256)
    pixels[:3] = torch.tensor([1e6, 1e4, 1.0])
    weights = balancing_weights(pixels, largest=50)
    assert weights[1] / weights[0] == pytest.approx(10)
    assert weights[2] / weights[0] == pytest.approx(50)
    assert (weights * pixels).sum() / pixels.sum() == pytest.approx(1)


def test_unknown_pixels_do_not_change_the_balance() -> None:
    pixels = torch.zeros(256, dtype=torch.float64)
    pixels[:2] = torch.tensor([1e4, 1e2])
    expected = balancing_weights(pixels, largest=5)
    pixels[UNKNOWN_ID] = 1e9
    torch.testing.assert_close(balancing_weights(pixels, largest=5), expected)
    assert pixels[UNKNOWN_ID] == 1e9


def test_a_balance_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="there is nothing to learn"):
        balancing_weights(torch.zeros(256), largest=5)


def test_what_is_thin_in_guesses_counts_no_more() -> None:
    rows = torch.zeros(2, 8, 8, dtype=torch.long)
    rows[:, :, 3] = 1  # a pole
    logits = torch.randn(2, CLASSES, 8, 8, generator=torch.Generator().manual_seed(0))
    thin, plain = (SegmentationLoss(SINGLE, thin=factor) for factor in (4.0, 1.0))
    assert thin(logits, rows, 2) == thin(logits, rows) != plain(logits, rows)
    assert thin(logits, rows, 0) == plain(logits, rows)
    counted = torch.where(thin_parts(rows), 4.0, 1.0)
    counted[1] = 1.0
    losses = F.cross_entropy(logits, rows, reduction="none")
    expected = (counted * losses).sum() / counted.sum()
    assert thin(logits, rows, 1).item() == pytest.approx(expected.item(), rel=1e-5)
