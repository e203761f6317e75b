# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
import argparse

import pytest

from unet_seg_ros.cli.data_spec import DataSpec, parse_data_spec


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("town:3:500", DataSpec("town:3:500")),
        ("camvid,share=0.5", DataSpec("camvid", share=0.5)),
        (
            "/d/pairs,layout=pairs,label-set=carla13,split=blocks,mapping=m.yaml,share=2",
            DataSpec("/d/pairs", "pairs", "carla13", "blocks", "m.yaml", 2.0),
        ),
        ("town02,enlarge=2.5", DataSpec("town02", enlarge=2.5)),
        ("a,b,split=random", DataSpec("a,b", split="random")),
        ("a=1/b", DataSpec("a=1/b")),
    ],
)
def test_a_data_set_and_how_to_take_it(text: str, expected: DataSpec) -> None:
    assert parse_data_spec(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("camvid,size=3", "size=3: give each of layout=, label-set=, split=, mapping=, share="),
        ("camvid,split=auto,split=auto", "at most once"),
        ("camvid,layout=segnet", "layout=segnet: give one of auto, capture"),
        ("camvid,split=halves", "split=halves: give one of auto, parts"),
        ("camvid,share=much", "share=much: must be a number"),
        ("camvid,share=0", "must be a number above 0"),
        ("camvid,share=nan", "must be a number above 0"),
        ("camvid,share=inf", "must be a number above 0"),
        ("camvid,enlarge=0.5", "must be a number from 1 to 8"),
        ("camvid,enlarge=nan", "must be a number from 1 to 8"),
        (",split=auto", "needs a folder, or town"),
    ],
)
def test_what_is_not_possible_is_refused_by_argparse(text: str, reason: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=reason):
        parse_data_spec(text)
