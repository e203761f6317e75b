# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from unet_seg_ros.cli.main import main


@pytest.mark.parametrize("number", ["0", "-3", "1.5", "many"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["evaluate", "--checkpoint", "carla29-small", "--data", "town", "--limit"],
        ["bag", "evaluate", "drive", "--limit"],
        ["bag", "extract", "drive", "frames", "--every"],
        ["train", "--out", "run", "--data", "town", "--steps"],
        ["capture", "--out", "frames", "--frames"],
    ],
    ids=" ".join,
)
def test_a_count_is_a_whole_number_from_1_on(
    arguments: list[str], number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*arguments, number])
    assert ended.value.code == 2
    expected = f"argument {arguments[-1]}: '{number}' is not a whole number from 1 on"
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize("number", ["nan", "inf", "-1", "fast"])
@pytest.mark.parametrize("option", ["--learning-rate", "--dice", "--rare"])
def test_an_amount_is_a_number_from_0_on(
    option: str, number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["train", "--out", "run", "--data", "town", f"{option}={number}"])
    assert ended.value.code == 2
    expected = f"argument {option}: '{number}' is not a number from 0 on"
    assert expected in capsys.readouterr().err


def test_a_precision_that_needs_a_scaler_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "--out", "run", "--data", "town", "--precision", "16-mixed"])
    assert "argument --precision: invalid choice: '16-mixed'" in capsys.readouterr().err
