# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Some of the pictures of a data set, chosen by what they or their drives are called."""

from __future__ import annotations

from collections.abc import Sequence

from unet_seg_ros.datasets.samples import Derived, LabelledPictures, Sample
from unet_seg_ros.errors import DataError

# Between texts of which any will do.
OR = "+"


class Selection(Derived):
    """Some pictures of a data set, as a data set (`LabelledPictures`) with a name of its own.

    Args:
        pictures: The data set.
        name: What reports call the selection.
        positions: Which of its pictures, in order.

    Attributes:
        whole: The data set.
    """

    def __init__(self, pictures: LabelledPictures, name: str, positions: Sequence[int]) -> None:
        super().__init__(pictures)
        self.name = name
        self.drives = [self.drives[position] for position in positions]
        new = {position: index for index, position in enumerate(positions)}
        self.parts = {
            part: [new[position] for position in members if position in new]
            for part, members in pictures.parts.items()
        }
        self.whole = pictures
        self._positions = tuple(positions)

    def of(self, pictures: LabelledPictures) -> Selection:
        """Return the same of another data set, whose pictures have the same order."""
        return Selection(pictures, self.name, self._positions)

    def __len__(self) -> int:
        return len(self._positions)

    def name_of(self, index: int) -> str:
        """Return the name of a picture."""
        return self.whole.name_of(self._positions[index])

    def __getitem__(self, index: int) -> Sample:
        """Read a picture and its label map; raises DataError, naming the file."""
        return self.whole[self._positions[index]]


def select(pictures: LabelledPictures, only: str = "", without: str = "") -> LabelledPictures:
    """Return the pictures whose name or drive has a text in it.

    Args:
        pictures: The data set; nothing is read.
        only: Take these, for example `Town05`, or several texts with + between; empty for all.
        without: And of those, leave these away.

    Raises:
        DataError: None is left, or a text is in no name.
    """
    if not only and not without:
        return pictures
    texts = [f"{drive}/{pictures.name_of(k)}" for k, drive in enumerate(pictures.drives)]
    for text in (*_split(only), *_split(without)):
        if not any(text in known for known in texts):
            raise DataError(
                f"{pictures.name}: no picture or drive has {text!r} in its name; the first is "
                f"called {pictures.name_of(0) if texts else 'nothing'}"
            )
    positions = [
        position
        for position, text in enumerate(texts)
        if (not only or _has_any(text, only)) and not _has_any(text, without)
    ]
    kept = f"-only-{only}" * bool(only) + f"-without-{without}" * bool(without)
    if not positions:
        raise DataError(f"{pictures.name}: only={only} and without={without} leave no picture")
    return Selection(pictures, pictures.name + kept.replace("/", "-"), positions)


def _split(texts: str) -> list[str]:
    return [text for text in texts.split(OR) if text]


def _has_any(name: str, texts: str) -> bool:
    return any(text in name for text in _split(texts))
