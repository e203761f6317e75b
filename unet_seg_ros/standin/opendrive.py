# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The streets as OpenDRIVE 1.4, the map that CARLA's client reads.

A street is a road from junction to junction with a lane and a sidewalk each way. Where streets
meet, and at the town's corners, a road with a single lane leads from every way in to every other
way out. OpenDRIVE's axes are those of the town: x east, y north, headings counter-clockwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import permutations
from math import cos, pi, remainder, sin
from xml.etree import ElementTree as ET

from unet_seg_ros.town.layout import HALF_STREET, LANE, SIDEWALK, TownLayout

SPEED_LIMIT_KM_H = 30.0

# Somewhere on earth, for the client's geographic coordinates: 49 degrees north, 8 east.
_GEO_REFERENCE = "+proj=tmerc +lat_0=49 +lon_0=8 +k=1 +x_0=0 +y_0=0 +datum=WGS84 +units=m"
_FIRST_TURN_ID, _FIRST_JUNCTION_ID = 1000, 2000


def reach(layout: TownLayout) -> float:
    """Metres from the middle of a junction to where its streets begin."""
    return HALF_STREET + layout.corner


def opendrive(layout: TownLayout, name: str) -> str:
    """The map as XML."""
    streets, junctions = _network(layout)
    root = ET.Element("OpenDRIVE")
    x0, y0, x1, y1 = layout.outer
    header = _add(
        root, "header", revMajor=1, revMinor=4, name=name, version=1, vendor="unet_seg_ros",
        north=y1, south=y0, east=x1, west=x0,
    )  # fmt: skip
    ET.SubElement(header, "geoReference").text = _GEO_REFERENCE
    for street in streets:
        _add_street(root, street)
    turn_id = _FIRST_TURN_ID
    tables = []
    for junction in junctions:
        table = ET.Element("junction", id=str(junction.id), name="")
        tables.append(table)
        for number, (way_in, way_out) in enumerate(permutations(junction.arms, 2)):
            _add_turn(root, turn_id, junction, way_in, way_out)
            connection = _add(
                table, "connection", id=number, incomingRoad=way_in.street.id,
                connectingRoad=turn_id, contactPoint="start",
            )  # fmt: skip
            ET.SubElement(connection, "laneLink", {"from": str(way_in.lane_in), "to": "-1"})
            turn_id += 1
    root.extend(tables)
    return '<?xml version="1.0" standalone="yes"?>\n' + ET.tostring(root, encoding="unicode")


@dataclass(frozen=True)
class _Street:
    """A straight piece between two junctions, from west to east or from south to north."""

    id: int
    begin: _Junction
    end: _Junction
    heading: float

    @property
    def length(self) -> float:
        return self.end.x - self.begin.x + self.end.y - self.begin.y - 2 * self.begin.reach


@dataclass(frozen=True)
class _Arm:
    """A street as one of its junctions sees it."""

    street: _Street
    begins: bool  # the street begins here

    @property
    def heading(self) -> float:
        """Away from the junction."""
        return self.street.heading if self.begins else self.street.heading + pi

    @property
    def contact(self) -> str:
        return "start" if self.begins else "end"

    @property
    def lane_in(self) -> int:
        """The lane into the junction; lanes on the right along the street are negative."""
        return 1 if self.begins else -1

    @property
    def lane_out(self) -> int:
        return -self.lane_in


@dataclass(frozen=True)
class _Junction:
    id: int
    x: float
    y: float
    reach: float
    arms: list[_Arm] = field(default_factory=list)

    def begin_of(self, heading: float) -> tuple[float, float]:
        """Where the street that leaves in this direction begins, in its middle."""
        return self.x + self.reach * cos(heading), self.y + self.reach * sin(heading)


def _network(layout: TownLayout) -> tuple[list[_Street], list[_Junction]]:
    """Junctions where two streets or more meet, and the streets between neighbours."""
    junctions: dict[tuple[int, int], _Junction] = {}
    for i, x in enumerate(layout.xs):
        for j, y in enumerate(layout.ys):
            id_ = _FIRST_JUNCTION_ID + len(junctions)
            junctions[i, j] = _Junction(id_, x, y, reach(layout))
    streets: list[_Street] = []
    for (i, j), begin in junctions.items():
        for neighbour, heading in (((i + 1, j), 0.0), ((i, j + 1), pi / 2)):
            if end := junctions.get(neighbour):
                street = _Street(len(streets), begin, end, heading)
                streets.append(street)
                begin.arms.append(_Arm(street, begins=True))
                end.arms.append(_Arm(street, begins=False))
    return streets, list(junctions.values())


def _add_street(root: ET.Element, street: _Street) -> None:
    road = _add(root, "road", id=street.id, name="", length=street.length, junction=-1)
    link = _add(road, "link")
    for end, junction in (("predecessor", street.begin), ("successor", street.end)):
        _add(link, end, elementType="junction", elementId=junction.id)
    section = _add_road(road, street.begin.begin_of(street.heading), street.heading, street.length)
    left, centre, right = (_add(section, side) for side in ("left", "center", "right"))
    _add_lane(left, 2, "sidewalk", SIDEWALK)
    _add_lane(left, 1, "driving", LANE)
    _add_lane(centre, 0, "none")
    _add_lane(right, -1, "driving", LANE)
    _add_lane(right, -2, "sidewalk", SIDEWALK)


def _add_turn(root: ET.Element, id_: int, junction: _Junction, way_in: _Arm, way_out: _Arm) -> None:
    """A way through a junction: straight, or an arc along the corner of the streets' middles."""
    heading = way_in.heading + pi
    angle = remainder(way_out.heading - heading, 2 * pi)
    bend = round(angle / (pi / 2))  # 1 left, 0 straight on, -1 right
    length = junction.reach * (pi / 2 if bend else 2.0)
    road = _add(root, "road", id=id_, name="", length=length, junction=junction.id)
    link = _add(road, "link")
    for end, arm in (("predecessor", way_in), ("successor", way_out)):
        _add(link, end, elementType="road", elementId=arm.street.id, contactPoint=arm.contact)
    start = junction.begin_of(way_in.heading)
    section = _add_road(road, start, heading, length, curvature=bend / junction.reach)
    _add_lane(_add(section, "center"), 0, "none")
    lane = _add_lane(_add(section, "right"), -1, "driving", LANE)
    _add(lane, "predecessor", id=way_in.lane_in)
    _add(lane, "successor", id=way_out.lane_out)


def _add_road(
    road: ET.Element,
    start: tuple[float, float],
    heading: float,
    length: float,
    curvature: float = 0.0,
) -> ET.Element:
    """Everything of a flat road but links and lanes; returns what the lanes belong in."""
    kind = _add(road, "type", s=0, type="town")
    _add(kind, "speed", max=SPEED_LIMIT_KM_H, unit="km/h")
    x, y = start
    geometry = _add(_add(road, "planView"), "geometry", s=0, x=x, y=y, hdg=heading, length=length)
    if curvature:
        _add(geometry, "arc", curvature=curvature)
    else:
        _add(geometry, "line")
    _add(_add(road, "elevationProfile"), "elevation", s=0, a=0, b=0, c=0, d=0)
    lanes = _add(road, "lanes")
    _add(lanes, "laneOffset", s=0, a=0, b=0, c=0, d=0)
    return _add(lanes, "laneSection", s=0)


def _add_lane(side: ET.Element, id_: int, kind: str, width: float | None = None) -> ET.Element:
    """Add a lane; returns its links, for the lanes before and after it."""
    lane = _add(side, "lane", id=id_, type=kind, level="false")
    link = _add(lane, "link")
    if width is not None:
        _add(lane, "width", sOffset=0, a=width, b=0, c=0, d=0)
    _add(
        lane, "roadMark", sOffset=0, type="none" if abs(id_) > 1 else "solid", weight="standard",
        color="white", width=0.15, laneChange="none",
    )  # fmt: skip
    return link


def _add(parent: ET.Element, tag: str, **attributes: str | float) -> ET.Element:
    return ET.SubElement(parent, tag, {name: str(value) for name, value in attributes.items()})
