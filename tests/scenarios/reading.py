"""OpenDRIVE read back for the tests: xml.etree and SciPy's Fresnel integrals, nothing of ours."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from dataclasses import dataclass

import numpy as np
from scipy.special import fresnel


@dataclass(frozen=True)
class Geometry:
    s: float
    x: float
    y: float
    heading: float
    length: float
    begin: float
    end: float

    def at(self, d: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """x, y, heading, curvature at distances d from the beginning."""
        rate = (self.end - self.begin) / self.length
        theta = self.heading + self.begin * d + 0.5 * rate * d * d
        curvature = self.begin + rate * d
        if rate == 0.0 and self.begin == 0.0:
            local = d + 0j
        elif rate == 0.0:
            local = (np.exp(1j * self.begin * d) - 1.0) / (1j * self.begin)
        else:
            # The whole clothoid through curvature 0, of which [begin, end] is a part: Fresnel's C + iS.
            scale = math.sqrt(abs(rate) / math.pi)
            offset = self.begin / rate
            sign = math.copysign(1.0, rate)
            s1, c1 = fresnel(scale * (d + offset))
            s0, c0 = fresnel(scale * offset)
            local = ((c1 - c0) + 1j * sign * (s1 - s0)) / scale
            local = local * np.exp(-1j * sign * 0.5 * abs(rate) * offset**2)
        place = self.x + 1j * self.y + local * np.exp(1j * self.heading)
        return place.real, place.imag, theta, curvature


@dataclass(frozen=True)
class Lane:
    id: int
    kind: str
    width: float
    marks: list[tuple[float, str, str]]


@dataclass(frozen=True)
class Road:
    id: str
    length: float
    junction: str
    geometry: list[Geometry]
    elevation: list[tuple[float, float, float, float, float]]
    lanes: dict[int, Lane]
    before: tuple[str, str, str] | None
    after: tuple[str, str, str] | None
    lane_link: tuple[int, int] | None
    speed: float | None

    def sample(self, step: float = 1.0) -> dict[str, np.ndarray]:
        """s, x, y, heading, curvature, z, slope along the reference line."""
        rows = []
        for g in self.geometry:
            d = np.linspace(0.0, g.length, max(2, math.ceil(g.length / step) + 1))[:-1]
            rows.append(np.stack([g.s + d, *g.at(d)]))
        table = np.concatenate(rows, axis=1)
        z, slope = self.height(table[0])
        return dict(zip(("s", "x", "y", "heading", "curvature", "z", "slope"), [*table, z, slope], strict=True))

    def height(self, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        starts = [record[0] for record in self.elevation]
        rows = np.array(self.elevation)[np.searchsorted(starts, s, side="right") - 1]
        ds = s - rows[:, 0]
        _, a, b, c, d = rows.T
        return a + b * ds + c * ds**2 + d * ds**3, b + 2 * c * ds + 3 * d * ds**2


def _link(road: ET.Element, tag: str) -> tuple[str, str, str] | None:
    element = road.find(f"link/{tag}")
    if element is None:
        return None
    return element.get("elementType", ""), element.get("elementId", ""), element.get("contactPoint", "")


def read_roads(text: str) -> dict[str, Road]:
    roads = {}
    for road in ET.fromstring(text.encode()).iter("road"):
        geometry = []
        for g in road.findall("planView/geometry"):
            s, x, y, heading, length = (float(g.get(key, "nan")) for key in ("s", "x", "y", "hdg", "length"))
            shape = g[0]
            begin = end = 0.0
            if shape.tag == "arc":
                begin = end = float(shape.get("curvature", "nan"))
            elif shape.tag == "spiral":
                begin, end = float(shape.get("curvStart", "nan")), float(shape.get("curvEnd", "nan"))
            else:
                assert shape.tag == "line"
            geometry.append(Geometry(s, x, y, heading, length, begin, end))
        lanes, lane_link = {}, None
        for lane in road.iter("lane"):
            width = lane.find("width")
            marks = [
                (float(m.get("sOffset", "nan")), m.get("type", ""), m.get("color", ""))
                for m in lane.findall("roadMark")
            ]
            id = int(lane.get("id", ""))
            lanes[id] = Lane(id, lane.get("type", ""), 0.0 if width is None else float(width.get("a", "nan")), marks)
            if lane.find("link/predecessor") is not None:
                lane_link = tuple(int(lane.find(f"link/{tag}").get("id")) for tag in ("predecessor", "successor"))
        speed = road.find("type/speed")
        roads[road.get("id", "")] = Road(
            road.get("id", ""),
            float(road.get("length", "nan")),
            road.get("junction", ""),
            geometry,
            [tuple(float(e.get(k, "nan")) for k in "sabcd") for e in road.findall("elevationProfile/elevation")],
            lanes,
            _link(road, "predecessor"),
            _link(road, "successor"),
            lane_link,
            None if speed is None else float(speed.get("max", "nan")),
        )
    return roads
