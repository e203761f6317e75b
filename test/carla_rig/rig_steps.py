# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a rig does with CARLA's own client and the stand-in: `python rig_steps.py STEP` asserts it.

A process of its own for every step, because the client library can take its process down.
"""

import dataclasses
import itertools
import os
import re
import signal
import sys
import threading
import time
import traceback

import carla
import numpy as np
import pytest
from standin_process import StandIn

from unet_seg_ros.carla import world as world_module
from unet_seg_ros.carla.actors import SpawnError
from unet_seg_ros.carla.client import CarlaError, ServerLostError, Simulator, connect
from unet_seg_ros.carla.rig import open_rig
from unet_seg_ros.carla.rig_file import CameraEntry, RigFile, load_rig
from unet_seg_ros.carla.setting import Setting
from unet_seg_ros.process import leave

TIMEOUT_S = 30.0
SHORT_S = 2.0
LONG_S = 10.0  # longer than a busy machine holds anything up
NEVER_S = 3600.0  # whoever waited for it would not be there at the end of the test
WIDTH, HEIGHT = 160, 120
STEP_S = 0.05
SALOON = "vehicle.tesla.model3"
ON_RIG = ["sensor.camera.rgb", "sensor.camera.semantic_segmentation", SALOON]
ROADS, CAR, SKY = 1, 14, 11


def main(step: str) -> None:
    try:
        globals()[step]()
    except BaseException:
        traceback.print_exc()
        leave(1)
    leave(0)


def small(name: str = "front") -> RigFile:
    """Return a rig with pictures that are drawn in no time."""
    rig = load_rig(name)
    cameras = [dataclasses.replace(camera, width=WIDTH, height=HEIGHT) for camera in rig.cameras]
    return dataclasses.replace(rig, cameras=tuple(cameras))


def changed(camera: CameraEntry, **attributes: str) -> CameraEntry:
    return dataclasses.replace(camera, attributes=attributes)


def client_of(server: StandIn, timeout_s: float = TIMEOUT_S) -> Simulator:
    return connect("127.0.0.1", server.port, timeout_s)


def refusal(kind: type[CarlaError], function, *arguments) -> str:
    """Return the sentence that a call is refused with."""
    with pytest.raises(kind) as raised:
        function(*arguments)
    assert raised.type is kind
    assert "\n" not in str(raised.value)
    return str(raised.value)


def spawn(world, index: int, **attributes: str):
    blueprint = world.get_blueprint_library().find(SALOON)
    for name, value in attributes.items():
        blueprint.set_attribute(name, value)
    return world.spawn_actor(blueprint, world.get_map().get_spawn_points()[index])


def drives_and_leaves_the_world_as_it_was() -> None:
    with StandIn() as server:
        simulator = client_of(server)
        world = simulator.client.get_world()
        weather = world.get_weather()
        with open_rig(simulator, small(), Setting(weather="HardRainNoon", spawn_point=3)) as rig:
            assert rig.town == "Grid"
            assert rig.notes == ()
            assert server.actors() == ON_RIG
            assert server.is_synchronous()
            assert world.get_weather() == carla.WeatherParameters.HardRainNoon
            frames = [rig.tick(TIMEOUT_S) for _ in range(20)]
        assert server.actors() == []
        assert not server.is_synchronous()
        assert world.get_settings().fixed_delta_seconds is None
        assert world.get_weather() == weather

        numbers = [frame.number for frame in frames]
        assert numbers == list(range(numbers[0], numbers[0] + 20))
        stamps = np.diff([frame.stamp_ns for frame in frames])
        assert np.abs(stamps - STEP_S * 1e9).max() < 1000, stamps
        start = world.get_map().get_spawn_points()[3].location
        first, last = frames[0].vehicle, frames[-1].vehicle
        assert np.hypot(first.x - start.x, first.y - start.y) < 5
        moved_m = np.hypot(last.x - first.x, last.y - first.y)
        assert abs(moved_m - np.mean([frame.speed_m_s for frame in frames]) * 19 * STEP_S) < 0.5
        assert moved_m > 1
        for frame in frames:
            assert frame.missing == ()
            assert {picture.shape for picture in frame.pictures.values()} == {(HEIGHT, WIDTH, 4)}
            tags = frame.pictures["semantic_segmentation_front"]
            assert {ROADS, SKY} < set(np.unique(tags[..., 2]).tolist())
            assert not tags[..., :2].any()


def pairs_pictures_that_come_late() -> None:
    with StandIn() as server, open_rig(client_of(server), small(), Setting()) as rig:
        server.faults(image_latency=0.3)
        frames = [rig.tick(TIMEOUT_S) for _ in range(4)]
        assert not any(frame.missing for frame in frames)
        for one, next_ in itertools.pairwise(frames):
            assert (one.pictures["rgb_front"] != next_.pictures["rgb_front"]).any()


def misses_a_camera_and_finds_it_again() -> None:
    with StandIn() as server, open_rig(client_of(server), small(), Setting()) as rig:
        server.faults(silent=["unet_seg_ros/own_vehicle/rgb_front"])
        frame = rig.tick(LONG_S)
        assert frame.missing == ("rgb_front",), frame.missing
        assert list(frame.pictures) == ["semantic_segmentation_front"]
        server.faults()
        until_s = time.monotonic() + TIMEOUT_S
        while rig.tick(SHORT_S).missing:
            assert time.monotonic() < until_s


def opens_with_a_camera_that_never_delivers() -> None:
    with StandIn("--fault", 'silent=["unet_seg_ros/own_vehicle/rgb_front"]') as server:
        with open_rig(client_of(server), small(), Setting()) as rig:
            assert rig.tick(TIMEOUT_S).missing == ("rgb_front",)
        assert server.actors() == []


def leaves_nothing_after_an_exception() -> None:
    with StandIn() as server:
        simulator = client_of(server)
        try:
            with open_rig(simulator, small("surround"), Setting()) as rig:
                assert not rig.tick(TIMEOUT_S).missing
                assert len(server.actors()) == 13
                raise KeyboardInterrupt
        except KeyboardInterrupt:
            pass
        assert server.actors() == []
        assert not server.is_synchronous()


def loads_a_town_and_spawns_where_it_is_told() -> None:
    with StandIn() as server:
        simulator = client_of(server)
        with open_rig(simulator, small(), Setting(town="Loop", spawn_point=1)) as rig:
            assert rig.town == "Loop"
            end = rig.tick().vehicle
        start = dataclasses.replace(end, z=0.0)
        with open_rig(simulator, small(), Setting(start=start)) as rig:
            there = rig.tick().vehicle
            assert rig.town == "Loop"
            assert np.hypot(there.x - end.x, there.y - end.y) < 5


def adopts_a_vehicle_and_leaves_it() -> None:
    with StandIn() as server:
        simulator = client_of(server)
        world = simulator.client.get_world()
        vehicle = spawn(world, 0, role_name="ego_vehicle")
        camera = world.get_blueprint_library().find("sensor.camera.rgb")
        world.spawn_actor(camera, carla.Transform(), attach_to=vehicle)
        theirs = server.actors()
        if os.fork() == 0:  # a rig whose process is killed
            open_rig(client_of(server), small(), Setting())
            os.kill(os.getpid(), 9)
        os.wait()
        assert len(server.actors()) == 4
        with open_rig(simulator, small(), Setting()) as rig:
            removed, adopted = rig.notes
            assert removed.startswith("removed 2 actors that an earlier rig with the role ego_veh")
            assert adopted.startswith(
                f"adopted vehicle {vehicle.id} ({SALOON}), which has the role"
            )
            assert len(server.actors()) == 4
            assert not rig.tick(TIMEOUT_S).missing
        assert server.actors() == theirs
        assert not server.is_synchronous()


def refuses_with_a_sentence_and_leaves_nothing() -> None:
    with StandIn() as server:
        simulator = client_of(server)
        front = small()
        rgb, semantic = front.cameras

        def refused(kind: type[CarlaError] = CarlaError, rig: RigFile = front, **setting) -> str:
            text = refusal(kind, lambda: open_rig(simulator, rig, Setting(**setting)))
            assert not server.is_synchronous()
            return text

        def with_camera(**attributes: str) -> RigFile:
            return dataclasses.replace(front, cameras=(semantic, changed(rgb, **attributes)))

        assert "has no town 'Town99': give one of Grid, Loop" in refused(town="Town99")
        assert "no weather 'Fog': give one of ClearNight, ClearNoon" in refused(weather="Fog")
        assert re.search(
            r"Grid has no spawn point 9999: it has \d+, counted from 0$", refused(spawn_point=9999)
        )
        assert "a step of 0.5 s is not possible" in refused(step_s=0.5)
        cart = dataclasses.replace(front, vehicle="vehicle.tesla.model33")
        assert refused(rig=cart) == (
            "rig front: CARLA 0.9.16 has no blueprint vehicle.tesla.model33; the nearest to it is "
            f"{SALOON}"
        )
        assert refused(rig=with_camera(flare="1")) == (
            "rig front: camera rgb_front: sensor.camera.rgb has no attribute 'flare'"
        )
        assert refused(rig=with_camera(gamma="bright")).startswith(
            "rig front: camera rgb_front: gamma cannot be 'bright': "
        )
        assert refused(rig=with_camera(enable_postprocess_effects="maybe")).startswith(
            "rig front: camera rgb_front: enable_postprocess_effects cannot be 'maybe': "
        )
        assert server.actors() == []

        world = simulator.client.get_world()
        spawn(world, 0, role_name="ego_vehicle").apply_control(carla.VehicleControl(brake=1.0))
        assert refused(SpawnError, role_name="other", spawn_point=0) == (
            "no room for a vehicle at spawn point 0 of Grid: something else stands there"
        )
        spawn(world, 5, role_name="ego_vehicle")
        assert re.search(
            rf"has 2 vehicles with the role ego_vehicle, \d+ \({SALOON}\) and \d+ \({SALOON}\): "
            "remove all but one",
            refused(),
        )
        assert server.actors() == [SALOON, SALOON]


def refuses_a_world_that_another_client_steps() -> None:
    with StandIn() as server:
        simulator = client_of(server)
        with open_rig(client_of(server), small(), Setting()) as rig:
            is_refused = threading.Event()

            def step() -> None:
                while not is_refused.is_set():
                    rig.tick()

            stepping = threading.Thread(target=step)
            stepping.start()
            other = Setting(role_name="other")
            world_module._OTHER_STEPPER_S = LONG_S
            try:
                text = refusal(CarlaError, open_rig, simulator, small(), other)
            finally:
                is_refused.set()
                stepping.join()
        assert text.startswith(f"another client steps CARLA at 127.0.0.1:{server.port}")


def refuses_a_world_that_another_client_steps_slowly() -> None:
    with StandIn() as server:
        simulator = client_of(server)
        world = client_of(server).client.get_world()
        settings = world.get_settings()
        settings.synchronous_mode = True
        world.apply_settings(settings)
        is_refused = threading.Event()

        def step() -> None:
            while not is_refused.wait(3.0):
                world.tick()

        stepping = threading.Thread(target=step)
        stepping.start()
        try:
            text = refusal(CarlaError, open_rig, simulator, small(), Setting())
        finally:
            is_refused.set()
            stepping.join()
        assert text.startswith(f"another client steps CARLA at 127.0.0.1:{server.port}")


def tells_when_others_interfere_with_its_steps() -> None:
    def step(world) -> None:
        world.tick()

    def change(**settings):
        def apply(world) -> None:
            changed = world.get_settings()
            for name, value in settings.items():
                setattr(changed, name, value)
            world.apply_settings(changed)

        return apply

    with StandIn() as server:
        world = client_of(server).client.get_world()
        for interfere in (
            step,
            change(fixed_delta_seconds=0.1),
            change(synchronous_mode=False, fixed_delta_seconds=None),
        ):
            with open_rig(client_of(server), small(), Setting()) as rig:
                first = rig.tick(TIMEOUT_S)
                assert rig.tick(TIMEOUT_S).number == first.number + 1
                interfere(world)
                text = refusal(ServerLostError, drive, rig)
            assert "is not stepped from here alone any more: another client steps its" in text
            assert server.actors() == []
            assert not server.is_synchronous()


def drive(rig) -> None:
    """Drive until something is wrong."""
    until_s = time.monotonic() + TIMEOUT_S
    while time.monotonic() < until_s:
        rig.tick(SHORT_S)


def tells_when_a_camera_is_gone() -> None:
    with StandIn() as server:
        with open_rig(client_of(server), small(), Setting()) as rig:
            rig.tick(TIMEOUT_S)
            server.remove("sensor.camera.rgb")
            text = refusal(ServerLostError, drive, rig)
        assert "has no camera rgb_front any more: somebody removed it" in text
        assert server.actors() == []


def tells_that_the_server_has_ended_without_a_step() -> None:
    with StandIn() as server, open_rig(client_of(server, NEVER_S), small(), Setting()) as rig:
        rig.check()
        server.kill()
        assert refusal(ServerLostError, rig.check) == (
            f"CARLA at 127.0.0.1:{server.port} is lost: it has ended"
        )


def connects_only_to_its_own_version_in_time() -> None:
    with StandIn() as server:
        port = server.port
        assert client_of(server).version == "0.9.16"
        server.faults(delay={"version": 3 * SHORT_S})
        assert f"no answer within {SHORT_S:g} s from what listens at 127.0.0.1:{port}" in refusal(
            CarlaError, client_of, server, SHORT_S
        )
    assert refusal(CarlaError, connect, "127.0.0.1", port, NEVER_S) == (
        f"no CARLA at 127.0.0.1:{port} (Connection refused); start it, or say where it runs with "
        "host and port"
    )
    assert "no CARLA at no.such.host.invalid:2000" in refusal(
        CarlaError, connect, "no.such.host.invalid", 2000, NEVER_S
    )
    # Asked for more than its version, a server with this fault would crash the client.
    with StandIn("--version", "0.9.15", "--fault", "observer_index=16") as server:
        text = refusal(CarlaError, client_of, server)
        assert "has version 0.9.15, the client library 0.9.16" in text
        assert "pip install carla==0.9.15" in text


def waits_for_a_slow_server() -> None:
    with StandIn("--fault", 'delay={"tick_cue": 1.0}') as server:
        with open_rig(client_of(server), small(), Setting()) as rig:
            assert not rig.tick(TIMEOUT_S).missing
        assert server.actors() == []


def gives_a_lost_server_up_at_once() -> None:
    with StandIn() as server:
        rig = open_rig(client_of(server, NEVER_S), small(), Setting())
        rig.tick()
        server.kill()
        assert refusal(ServerLostError, rig.tick) == (
            f"CARLA at 127.0.0.1:{server.port} is lost: it has ended"
        )
        rig.close()
        rig.close()


def closes_in_time_though_nobody_knew_that_the_server_is_lost() -> None:
    with StandIn() as server:
        rig = open_rig(client_of(server, NEVER_S), small(), Setting())
        server.kill()
        rig.close()


def gives_a_server_that_hangs_up_after_one_timeout() -> None:
    with StandIn() as server:
        rig = open_rig(client_of(server, LONG_S), small(), Setting())
        server.process.send_signal(signal.SIGSTOP)
        begin_s = time.monotonic()
        assert refusal(ServerLostError, rig.tick) == (
            f"CARLA at 127.0.0.1:{server.port} is lost: no answer for {LONG_S:g} s"
        )
        rig.close()
        assert time.monotonic() - begin_s < 2 * LONG_S


def tells_when_its_vehicle_is_gone() -> None:
    with StandIn() as server:
        simulator = client_of(server)
        with open_rig(simulator, small(), Setting()) as rig:
            rig.tick()
            server.load("Loop")
            until_s = time.monotonic() + TIMEOUT_S
            text = ""
            while not text and time.monotonic() < until_s:
                try:
                    rig.tick()
                except ServerLostError as error:
                    text = str(error)
        assert "has no vehicle ego_vehicle any more: somebody removed it, or loaded a map" in text


if __name__ == "__main__":
    main(sys.argv[1])
