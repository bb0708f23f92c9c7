"""The network of roads: which lane follows which, and what lies beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from envs.road.errors import MapError
from envs.road.opendrive import Connection, Junction, parse_opendrive
from envs.road.road import DRIVABLE, Lane, Road

_SEAM = 2.0
"""Metres between the end of a lane and the start of its follower beyond which the link is not believed.

Needed where a road touches the same junction with both ends: the XML does not say which end a connection means.
"""


@dataclass(frozen=True)
class LaneRef:
    """A place on a lane in OpenDRIVE's words: road id, lane id, metres along the road."""

    road: str
    lane: int
    s: float


@dataclass(frozen=True)
class LanePiece:
    """A lane within one lane section; ``forward``: traffic runs towards growing s."""

    road: str
    section: int
    lane: int
    forward: bool


@dataclass(frozen=True, eq=False)
class RoadNetwork:
    """All roads and junctions of a map; immutable (followers are remembered once looked up)."""

    source: str
    roads: dict[str, Road]
    junctions: dict[str, Junction]
    _followers: dict[LanePiece, tuple[LanePiece, ...]] = field(default_factory=dict, repr=False)
    _ends: dict[LanePiece, tuple[tuple[float, float], tuple[float, float]]] = field(default_factory=dict, repr=False)

    @cached_property
    def right_hand(self) -> bool:
        """True when (the first road says that) traffic keeps to the right."""
        return not next(iter(self.roads.values())).left_hand_traffic

    @cached_property
    def pieces(self) -> tuple[LanePiece, ...]:
        """Every drivable lane of every section, in the order of the map."""
        found: list[LanePiece] = []
        for road in self.roads.values():
            for index, section in enumerate(road.lane_sections):
                for lane in section.ids:
                    if lane and section.lanes[lane].type in DRIVABLE:
                        found.append(LanePiece(road.id, index, lane, road.forward(lane)))
        return tuple(found)

    @cached_property
    def predecessors(self) -> dict[LanePiece, tuple[LanePiece, ...]]:
        """The drivable pieces that lead to a piece; those without one are missing."""
        found: dict[LanePiece, tuple[LanePiece, ...]] = {}
        for piece in self.pieces:
            for following in self.followers(piece):
                found[following] = (*found.get(following, ()), piece)
        return found

    def lane(self, piece: LanePiece) -> Lane:
        """The lane behind a piece."""
        return self.roads[piece.road].lane_sections[piece.section].lanes[piece.lane]

    def piece(self, road: str, section: int, lane: int) -> LanePiece | None:
        """The piece, or None when there is no such road, section or lane."""
        found = self.roads.get(road)
        if found is None or not 0 <= section < len(found.lane_sections):
            return None
        if lane == 0 or lane not in found.lane_sections[section].lanes:
            return None
        return LanePiece(road, section, lane, found.forward(lane))

    def span(self, piece: LanePiece) -> tuple[float, float]:
        """(s where traffic enters, s where it leaves), metres along the road."""
        section = self.roads[piece.road].lane_sections[piece.section]
        return (section.start, section.end) if piece.forward else (section.end, section.start)

    def followers(self, piece: LanePiece) -> tuple[LanePiece, ...]:
        """The drivable pieces that traffic on ``piece`` can go to, junction connections in the order of the map."""
        known = self._followers.get(piece)
        if known is None:
            known = self._followers[piece] = self._believed(piece, self._linked(piece))
        return known

    def neighbour(self, piece: LanePiece, left: bool) -> LanePiece | None:
        """The drivable lane beside ``piece`` on its driver's left or right, None at the edge.

        Across the centre line that is the lane of the oncoming traffic: compare ``forward``.
        """
        towards = 1 if left == piece.forward else -1
        found = self.piece(piece.road, piece.section, piece.lane + towards or towards)
        return found if found is not None and self.lane(found).type in DRIVABLE else None

    def _linked(self, piece: LanePiece) -> list[LanePiece | None]:
        road = self.roads[piece.road]
        lane = self.lane(piece)
        linked = lane.successor if piece.forward else lane.predecessor
        inside = piece.section + (1 if piece.forward else -1)
        if 0 <= inside < len(road.lane_sections):
            return [self.piece(road.id, inside, linked)] if linked is not None else []
        link = road.successor if piece.forward else road.predecessor
        if link is None:
            return []
        if link.kind == "road":
            return [self._entry(link.id, link.contact, linked)]
        return [
            self._entry(connection.connecting_road, connection.contact, target)
            for connection in self.junctions[link.id].connections
            if connection.incoming_road == road.id
            for target in self._targets(connection, piece.lane)
        ]

    def _entry(self, road: str, contact: str | None, lane: int | None) -> LanePiece | None:
        if lane is None:
            return None
        section = 0 if contact == "start" else len(self.roads[road].lane_sections) - 1
        found = self.piece(road, section, lane)
        # entering at the start means driving towards growing s; a link against the lane's traffic is none
        return found if found is not None and found.forward == (contact == "start") else None

    def _targets(self, connection: Connection, lane: int) -> list[int]:
        if connection.lane_links:
            return [target for origin, target in connection.lane_links if origin == lane]
        road = self.roads[connection.connecting_road]
        first = connection.contact == "start"
        lanes = road.lane_sections[0 if first else -1].lanes.values()
        return [other.id for other in lanes if (other.predecessor if first else other.successor) == lane]

    def _believed(self, piece: LanePiece, linked: list[LanePiece | None]) -> tuple[LanePiece, ...]:
        good: list[LanePiece] = []
        for other in linked:
            if other is None or self.lane(other).type not in DRIVABLE or other in good:
                continue
            if math.dist(self._end_points(piece)[1], self._end_points(other)[0]) <= _SEAM:
                good.append(other)
        return tuple(good)

    def _end_points(self, piece: LanePiece) -> tuple[tuple[float, float], tuple[float, float]]:
        """(x, y) of the lane centre where traffic enters and where it leaves."""
        known = self._ends.get(piece)
        if known is None:
            path = self.roads[piece.road].lane_path(piece.section, piece.lane, np.array(self.span(piece)))
            (x0, x1), (y0, y1) = path.x.tolist(), path.y.tolist()
            known = self._ends[piece] = ((x0, y0), (x1, y1))
        return known


def parse_map(text: str, source: str) -> RoadNetwork:
    """OpenDRIVE text to a network.

    Raises :class:`MapError` with ``source`` for text that is no OpenDRIVE, has no road, numbers that are not finite,
    or links to roads and junctions that do not exist.
    """
    roads, junctions = parse_opendrive(text, source)
    for road in roads.values():
        for name, link in (("predecessor", road.predecessor), ("successor", road.successor)):
            known = roads if link is None or link.kind == "road" else junctions
            if link is not None and link.id not in known:
                raise MapError(source, f"road {road.id}: its {name} is {link.kind} {link.id}, which does not exist")
    for junction in junctions.values():
        for connection in junction.connections:
            for end in (connection.incoming_road, connection.connecting_road):
                if end not in roads:
                    what = f"junction {junction.id}: a connection names road {end}, which does not exist"
                    raise MapError(source, what)
    return RoadNetwork(source, roads, junctions)
