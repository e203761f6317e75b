# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How pictures of one frame find each other.

A time-out of LONG_S is never waited for: where it were, the test would hang instead of pass.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from unet_seg_ros.carla.inbox import Inbox

LONG_S = 600.0


@dataclass(frozen=True)
class Picture:
    """What the inbox needs to know of one."""

    frame: int


def inbox(*, heard: bool = True) -> Inbox[Picture]:
    """Return an inbox of two cameras, which have delivered before or have not."""
    made: Inbox[Picture] = Inbox(["rgb", "semantic"])
    if heard:
        put(made, 0, "rgb", "semantic")
        made.take(0, 0.0)
    return made


def put(inbox: Inbox[Picture], frame: int, *cameras: str) -> None:
    for camera in cameras:
        inbox.put(camera, Picture(frame))


def test_pictures_are_paired_by_frame_and_not_by_arrival() -> None:
    box = inbox()
    put(box, 2, "semantic")
    put(box, 1, "rgb", "semantic")
    put(box, 2, "rgb")
    assert box.take(1, LONG_S) == {"rgb": Picture(1), "semantic": Picture(1)}
    assert box.take(2, LONG_S) == {"rgb": Picture(2), "semantic": Picture(2)}


def test_a_picture_that_comes_from_another_thread_is_waited_for() -> None:
    box = inbox()
    put(box, 1, "rgb")
    late = threading.Thread(target=put, args=(box, 1, "semantic"))
    late.start()
    assert set(box.take(1, LONG_S)) == {"rgb", "semantic"}
    late.join()


def test_a_camera_is_waited_for_once_and_again_when_it_has_delivered() -> None:
    box = inbox()
    put(box, 1, "rgb")
    assert set(box.take(1, 0.01)) == {"rgb"}
    put(box, 2, "rgb")
    assert set(box.take(2, LONG_S)) == {"rgb"}
    put(box, 2, "semantic")  # late, but it is back
    put(box, 3, "rgb")
    back = threading.Thread(target=put, args=(box, 3, "semantic"))
    back.start()
    assert set(box.take(3, LONG_S)) == {"rgb", "semantic"}
    back.join()


def test_nobody_waits_for_cameras_that_never_delivered() -> None:
    box = inbox(heard=False)
    assert box.take(1, LONG_S) == {}
    assert not box.wait_for_all(0.0)
    put(box, 2, "rgb", "semantic")
    assert box.wait_for_all(LONG_S)


def test_late_pictures_of_earlier_frames_are_forgotten() -> None:
    box = inbox()
    put(box, 1, "rgb")
    box.take(1, 0.0)
    put(box, 1, "semantic")
    put(box, 2, "rgb", "semantic")
    box.take(2, LONG_S)
    assert box.take(1, 0.0) == {}


def test_of_pictures_that_nobody_takes_only_the_newest_are_kept() -> None:
    box = inbox()
    for frame in range(1, 100):
        put(box, frame, "rgb", "semantic")
    kept = [frame for frame in range(1, 100) if box.take(frame, 0.0)]
    assert kept == list(range(100 - Inbox.CAPACITY, 100))


def test_a_closed_inbox_keeps_nothing() -> None:
    box = inbox()
    put(box, 1, "rgb")
    box.close()
    put(box, 1, "semantic")
    assert box.take(1, 0.0) == {}
