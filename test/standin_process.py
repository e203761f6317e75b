# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The stand-in for CARLA as a process, and a way past CARLA's client to look inside it.

with StandIn() as simulator:
    start_a_client(simulator.port)
    assert simulator.actors() == ["vehicle.tesla.model3"]
"""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgpack

ROOT = Path(__file__).parents[1]
ANSWER_S = 30.0
MAX_ACTORS = 256


class StandIn:
    """A stand-in server that runs until the `with` block is left, or `kill`."""

    def __init__(self, *arguments: str, port: int = 0) -> None:
        command = [sys.executable, "-m", "unet_seg_ros.cli.main", "standin", "--port", str(port)]
        command += arguments
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line.startswith("listening on 127.0.0.1:"), line
        self.port = int(line.rpartition(":")[2])

    def __enter__(self) -> StandIn:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """End the server without a chance to say goodbye."""
        with self.process:
            self.process.kill()

    def faults(self, **faults: Any) -> None:
        """Have the server do these things wrong from now on, and no others."""
        self._call("standin_faults", faults)

    def actors(self) -> list[str]:
        """Return the blueprints of the vehicles and sensors that there are, sorted."""
        blueprints = self._blueprints().values()
        return sorted(name for name in blueprints if name.startswith(("vehicle.", "sensor.")))

    def remove(self, blueprint: str) -> None:
        """Remove the actors of a blueprint, as another client would."""
        for actor_id, name in self._blueprints().items():
            if name == blueprint:
                self._call("destroy_actor", False, actor_id)

    def is_synchronous(self) -> bool:
        """Return whether the world waits for a client to step it."""
        [[_, settings]] = self._call("get_episode_settings", False)
        return bool(settings[0])

    def let_run(self) -> None:
        """Have the world wait for nobody, as another client that leaves it so."""
        [[_, settings]] = self._call("get_episode_settings", False)
        self._call("set_episode_settings", False, [False, *settings[1:]])

    def load(self, town: str) -> None:
        """Load a map, and with it remove all actors, as another client would."""
        self._call("load_new_episode", False, town, True, 65535)

    def _blueprints(self) -> dict[int, str]:
        [[_, actors]] = self._call("get_actors_by_id", False, list(range(1, MAX_ACTORS)))
        return {actor_id: description[1] for actor_id, _, description, *_ in actors}

    def _call(self, method: str, *arguments: Any) -> Any:
        """Return a method's result (msgpack-rpc)."""
        with socket.create_connection(("127.0.0.1", self.port), ANSWER_S) as connection:
            connection.sendall(msgpack.packb([0, 1, method, arguments]))
            unpacker = msgpack.Unpacker(raw=False)
            while data := connection.recv(1 << 16):
                unpacker.feed(data)
                for _, _, error, result in unpacker:
                    assert error is None, error
                    return result
        raise AssertionError(f"{method}: no answer")
