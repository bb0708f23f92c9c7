"""What CARLA reads from OpenDRIVE beyond the lanes: signals and their groups, speed limits, the map's place on Earth,
and what the land beside the roads is to look like.

`envs.road` has parsed the text before, so it is well-formed and within bounds; what is odd here is left out.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from dataclasses import dataclass

TRAFFIC_LIGHT = "1000001"
"""CARLA's OpenDRIVE type of traffic lights."""
SIGNS = {"206": "traffic.stop", "205": "traffic.yield"}
SURROUNDINGS = "liquid_pilot.surroundings"
"""Code of the header's userData that names theme and seed of the land, and how far its colours are drawn at random
(0 to 1, may be left out): ``value="autumn 3 0.5"``."""
MOST_SIGNALS = 2000
_KMH = {"km/h": 1.0, "mph": 1.609344, "m/s": 3.6}


@dataclass(frozen=True)
class Signal:
    """A signal beside a road.

    Args:
        id: OpenDRIVE's.
        type: OpenDRIVE's.
        road, s, t: where it stands.
        height: metres above the road.
        heading: turn against the road, rad.
        forward: whether it counts for traffic towards growing s.
        backward: whether it counts for the other direction.
        lanes: (from, to) lane ids that it counts for; all when empty.
        group: lights of one group change together; groups of one junction take turns.
        junction: whose junction it controls, "" for none.
    """

    id: str
    type: str
    road: str
    s: float
    t: float
    height: float
    heading: float
    forward: bool
    backward: bool
    lanes: tuple[tuple[int, int], ...]
    group: str
    junction: str

    def counts_for(self, lane: int, forward: bool) -> bool:
        """Whether traffic on a lane that runs this way must heed it."""
        if not (self.forward if forward else self.backward):
            return False
        return not self.lanes or any(min(a, b) <= lane <= max(a, b) for a, b in self.lanes)


@dataclass(frozen=True)
class Extras:
    """What `read_extras` finds."""

    signals: tuple[Signal, ...]
    limits: dict[str, list[tuple[float, float]]]
    """Road id to rows (s, km/h)."""
    latitude: float
    longitude: float
    """Of the map's origin, degrees."""
    surroundings: tuple[str, int, float] | None
    """(theme, seed, recolour), when the map says so."""


def read_extras(text: str) -> Extras:
    """Everything of a map that `envs.road` does not read."""
    root = ET.fromstring(text)
    for element in root.iter():
        if "}" in element.tag:
            element.tag = element.tag.split("}", 1)[1]
    latitude, longitude = _origin(root)
    return Extras(tuple(_signals(root))[:MOST_SIGNALS], _limits(root), latitude, longitude, _surroundings(root))


def _number(element: ET.Element, key: str, default: float = 0.0) -> float:
    try:
        value = float(element.get(key, default))
    except ValueError:
        return default
    return value if math.isfinite(value) and abs(value) < 1e9 else default


def _integer(text: str | None, default: int = 0) -> int:
    try:
        return int(text or default)
    except ValueError:
        return default


def _origin(root: ET.Element) -> tuple[float, float]:
    reference = root.findtext("header/geoReference") or ""
    found = {"+lat_0": 0.0, "+lon_0": 0.0}
    for word in reference.split():
        key, _, value = word.partition("=")
        if key in found:
            try:
                found[key] = float(value)
            except ValueError:
                continue
    return found["+lat_0"], found["+lon_0"]


def _surroundings(root: ET.Element) -> tuple[str, int, float] | None:
    for element in root.findall("header/userData"):
        theme, seed, recolour, *_ = (*element.get("value", "").split(), "", "", "")
        if element.get("code") == SURROUNDINGS and theme and seed.isdecimal() and len(seed) < 11:
            try:
                return theme, int(seed), min(1.0, max(0.0, float(recolour or 0)))
            except ValueError:
                return None
    return None


def _limits(root: ET.Element) -> dict[str, list[tuple[float, float]]]:
    limits: dict[str, list[tuple[float, float]]] = {}
    for road in root.iter("road"):
        rows = []
        for kind in road.findall("type"):
            speed = kind.find("speed")
            if speed is not None:
                unit = _KMH.get(speed.get("unit", "m/s"), 3.6)
                value = _number(speed, "max", 0.0) * unit
                if value > 0.0:
                    rows.append((_number(kind, "s"), value))
        if rows:
            limits[road.get("id", "")] = sorted(rows)
    return limits


def _signals(root: ET.Element) -> list[Signal]:
    group = {
        control.get("signalId", ""): controller.get("id", "")
        for controller in root.iter("controller")
        for control in controller.findall("control")
    }
    junction = {
        controller.get("id", ""): element.get("id", "")
        for element in root.iter("junction")
        for controller in element.findall("controller")
    }
    found = []
    for road in root.iter("road"):
        for signal in road.findall("signals/signal"):
            name = signal.get("id", "")
            orientation = signal.get("orientation", "none")
            controller = group.get(name, f"alone {name}")
            lanes = tuple((_integer(v.get("fromLane")), _integer(v.get("toLane"))) for v in signal.findall("validity"))
            found.append(
                Signal(
                    id=name[:31],
                    type=signal.get("type", ""),
                    road=road.get("id", ""),
                    s=_number(signal, "s"),
                    t=_number(signal, "t"),
                    height=_number(signal, "zOffset"),
                    heading=_number(signal, "hOffset"),
                    forward=orientation != "-",
                    backward=orientation != "+",
                    lanes=lanes,
                    group=controller,
                    junction=junction.get(controller, controller),
                )
            )
    return found
