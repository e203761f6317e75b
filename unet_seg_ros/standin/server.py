# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A stand-in for the CARLA simulator: the world behind its two ports.

It proves that code works with CARLA's own client library and wire format, and what it does when
things go wrong. It proves nothing about a real simulator's pictures, timing or load.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
from typing import Any, NoReturn

from unet_seg_ros.standin import wire
from unet_seg_ros.standin.actors import CameraActor
from unet_seg_ros.standin.faults import WORLD, Faults
from unet_seg_ros.standin.methods import RETURN_NOTHING, Methods
from unet_seg_ros.standin.pictures import Scene, View, color_pixels, draw, tag_pixels
from unet_seg_ros.standin.rpc import Answer, RpcServer
from unet_seg_ros.standin.streams import Pixels, Streams
from unet_seg_ros.standin.wire import WORLD_STREAM, Moment, Wire
from unet_seg_ros.standin.world import World
from unet_seg_ros.town.layout import LayoutName

_TEARING_S = 0.2  # for half a picture to get out

_log = logging.getLogger(__name__)
_METHODS = frozenset(name for name in vars(Methods) if not name.startswith("_"))


class Server:
    """The simulator; its ports are taken from construction on.

    Args:
        port: of calls; the next one is that of streams. 0 takes any two that are free.
        layout: of the town that is there at first.
        version: of CARLA that it pretends to be.
        faults: what it does wrong; a running server takes others through its own method
            `standin_faults`, with faults by name.

    Attributes:
        port: of calls.

    Raises:
        OSError: a port cannot be had.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 2000,
        *,
        layout: LayoutName = "grid",
        version: str = wire.VERSION,
        faults: Faults | None = None,
    ) -> None:
        self._faults = faults or Faults()
        self.port = port or _two_free_ports(host)
        self._rpc = RpcServer(host, self.port, self._answer)
        self._streams = Streams(host, self.port + 1)
        self._world = World(layout)
        self._methods = Methods(self._world, self._streams, version)
        self._lock = threading.Lock()  # of the world
        self._ticking = threading.Lock()  # one frame at a time, with its pictures
        self._closed = threading.Event()
        self._running = threading.Thread(target=self._run_freely, daemon=True)
        self._began_s = time.monotonic()
        self._pictures = 0  # sent so far

    def start(self) -> None:
        """Serve clients, and tick until one of them says that it does."""
        self._streams.start()
        self._rpc.start()
        self._running.start()

    def close(self) -> None:
        """Stop simulating, end all connections, and wait for what is in work.

        Streams first: calls and frames may be waiting for their readers.
        """
        self._closed.set()
        self._streams.close()
        self._rpc.close()
        self._running.join()

    # ------------------------------------------------------------------ calls

    def _answer(self, name: str, arguments: list[Any]) -> Answer:
        try:
            value = self._call(name, arguments)
        except ValueError as reason:
            if name not in _METHODS:
                return Answer(error=str(reason))
            refused = wire.not_done if name in RETURN_NOTHING else wire.refused
            return Answer(refused(str(reason)))
        except Exception:
            _log.exception("%s(%s)", name, str(arguments)[:200])
            return Answer(error=f"'{name}' failed, see what the stand-in logged")
        if name == "apply_batch":
            return Answer(value, then=self._tick if arguments[2] else None)
        if name == "tick_cue":
            return Answer(wire.good(value), then=self._tick)
        return Answer(wire.done() if name in RETURN_NOTHING else wire.good(value))

    def _call(self, name: str, arguments: list[Any]) -> Wire:
        if name == "standin_faults":
            self._faults = Faults.of(*arguments)
            return None
        if name not in _METHODS:
            raise ValueError(f"there is no method '{name}'")
        faults = self._faults
        self._closed.wait(faults.delay.get(name, 0.0))
        if name in faults.error:
            raise ValueError(faults.error[name])
        with self._lock:
            # The first argument says whether the client waits for the answer.
            return getattr(self._methods, name)(*arguments[1:])

    # ------------------------------------------------------------------ frames

    def _run_freely(self) -> None:
        next_s = time.monotonic()
        while not self._closed.wait(max(next_s - time.monotonic(), 0.0)):
            settings = self._world.settings
            # What was missed is not caught up.
            next_s = max(next_s, time.monotonic() - settings.step_s) + settings.step_s
            if not settings.synchronous:
                self._tick(by_itself=True)

    def _tick(self, by_itself: bool = False) -> None:
        """Simulate a frame and send what it looks like: the world's state, then the pictures."""
        with self._ticking:
            self._streams.settle()
            with self._lock:
                wait = self._world.settings.synchronous
                if by_itself and wait:
                    return
                self._world.step()
                moment = Moment(self._world.frame, self._world.elapsed_s)
                state = self._state(moment)
                due = {view: self._heard(c) for view, c in self._world.due_cameras().items()}
                scene = self._world.scene() if any(due.values()) else None
            if WORLD not in self._faults.silent:
                self._streams.send(WORLD_STREAM, state, wait=wait)
            if scene is None or moment.frame in self._faults.drop_images:
                return
            self._closed.wait(self._faults.image_latency)
            for view, cameras in due.items():
                if cameras:
                    self._send_pictures(moment, view, cameras, scene, wait)

    def _state(self, moment: Moment) -> bytes:
        return wire.world_state(
            self._faults.observer_index,
            moment,
            episode=self._world.episode,
            platform_s=time.monotonic() - self._began_s,
            delta_s=self._world.delta_s,
            flags=self._world.take_flags(),
            actors=self._world.states(),
        )

    def _heard(self, cameras: list[CameraActor]) -> list[CameraActor]:
        """Those whose pictures somebody gets."""
        return [
            camera
            for camera in cameras
            if self._streams.has_readers(camera.stream) and camera.role not in self._faults.silent
        ]

    def _send_pictures(
        self, moment: Moment, view: View, cameras: list[CameraActor], scene: Scene, wait: bool
    ) -> None:
        rgb, labels = draw(view, scene)
        for camera in cameras:
            pixels = tag_pixels(labels) if camera.is_semantic else color_pixels(rgb)
            head = wire.picture_header(
                wire.SEMANTIC_INDEX if camera.is_semantic else wire.RGB_INDEX,
                moment,
                view.transform,
                view.model.width,
                view.model.height,
                view.model.fov_deg,
            )
            self._pictures += 1
            if self._pictures == self._faults.tear_picture:
                self._die_sending(camera.stream, head, pixels)
            self._streams.send(camera.stream, head, pixels, wait=wait)

    def _die_sending(self, stream: int, head: bytes, pixels: Pixels) -> NoReturn:
        self._streams.send_torn(stream, head, pixels)
        time.sleep(_TEARING_S)
        os._exit(1)


def _two_free_ports(host: str) -> int:
    """The first of two neighbouring ports that are free."""
    while True:
        with socket.create_server((host, 0)) as first:
            port: int = first.getsockname()[1]
            with (
                contextlib.suppress(OSError, OverflowError),
                socket.create_server((host, port + 1)),
            ):
                return port
