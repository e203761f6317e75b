# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whether the client takes the map is seen in `test_server.py`."""

from xml.etree import ElementTree

import pytest

from unet_seg_ros.standin.opendrive import opendrive
from unet_seg_ros.town.town import Town


@pytest.mark.parametrize(
    ("name", "streets", "turns"),
    # Ways through a place where n streets meet: n (n - 1).
    [("town", 24, 4 * 2 + 8 * 6 + 4 * 12), ("loop_town", 4, 4 * 2)],
)
def test_every_street_leads_on(
    name: str, streets: int, turns: int, request: pytest.FixtureRequest
) -> None:
    town: Town = request.getfixturevalue(name)
    root = ElementTree.fromstring(opendrive(town.layout, "Somewhere"))
    roads = {road.get("id"): road for road in root.iter("road")}
    junctions = {junction.get("id") for junction in root.iter("junction")}
    assert sum(road.get("junction") == "-1" for road in roads.values()) == streets
    assert len(roads) == streets + turns
    for road in roads.values():
        for link in road.findall("link/*"):
            there = junctions if link.get("elementType") == "junction" else roads
            assert link.get("elementId") in there
    left_by = {c.get("incomingRoad") for c in root.iter("connection")}
    assert left_by == {id_ for id_, road in roads.items() if road.get("junction") == "-1"}
