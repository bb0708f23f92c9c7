"""Traffic lights: what state they are in, and which vehicles stand before them.

The lights of one controller change together; the controllers of one junction take turns: green, yellow, then red until
the others are through. CARLA's times at first: 10 s green, 3 s yellow, 2 s red between two turns.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from envs.carla.frames import Place
from envs.carla.server.protocol import layouts
from envs.carla.server.world.actors import Actor, Box
from envs.carla.server.world.blueprints import Blueprint
from envs.carla.server.world.signals import SIGNS, TRAFFIC_LIGHT, Signal
from envs.road.road import DRIVABLE

if TYPE_CHECKING:
    from envs.carla.server.world.maps import Map
    from envs.carla.server.world.vehicle import Vehicle

RED, YELLOW, GREEN, OFF, UNKNOWN = range(5)
STOP_BOX = 6.0
"""Metres before a light in which a vehicle stands at it."""


class TrafficLight(Actor):
    """One head of a traffic light.

    Attributes:
        signal: the map's.
        colour: RED, YELLOW, GREEN or OFF.
        green, yellow, red: s.
        elapsed: s in this state.
        frozen: keeps its state.
        stops: (x, y, heading) of each lane that it rules, at the signal.
    """

    def __init__(self, identity: int, blueprint: Blueprint, place: Place, signal: Signal) -> None:
        super().__init__(identity, blueprint, {}, place)
        self.signal = signal
        self.colour = RED
        self.green, self.yellow, self.red = 10.0, 3.0, 2.0
        self.elapsed = 0.0
        self.frozen = False
        self.pole = 0
        self.stops: list[tuple[float, float, float, float]] = []

    def state(self) -> bytes:
        """Times and colour."""
        name = self.signal.id.encode()[:31].ljust(32, b"\0")
        return layouts.LIGHT_STATE.pack(
            name, self.green, self.yellow, self.red, self.elapsed, self.pole, self.frozen, self.colour
        )


class Group:
    """The controllers of one junction."""

    def __init__(self, lights: Iterable[TrafficLight]) -> None:
        turns: defaultdict[str, list[TrafficLight]] = defaultdict(list)
        for light in lights:
            turns[light.signal.group].append(light)
        self.turns = list(turns.values())
        self.lights = [light for turn in self.turns for light in turn]
        for number, light in enumerate(self.lights):
            light.pole = number
        self.reset()

    def reset(self) -> None:
        """Begin with the first controller's green."""
        self.turn = 0
        for light in self.lights:
            light.elapsed = 0.0
            light.colour = GREEN if light in self.turns[0] else RED

    def advance(self, dt: float) -> None:
        """Let ``dt`` s pass."""
        turn = self.turns[self.turn]
        first = turn[0]
        if any(light.frozen for light in self.lights):
            return
        for light in self.lights:
            light.elapsed += dt
        if first.colour == GREEN and first.elapsed >= first.green:
            self._set(turn, YELLOW)
        elif first.colour == YELLOW and first.elapsed >= first.yellow:
            self._set(turn, RED)
        elif first.colour in (RED, OFF) and first.elapsed >= first.red:
            self.turn = (self.turn + 1) % len(self.turns)
            self._set(self.turns[self.turn], GREEN)

    def _set(self, turn: list[TrafficLight], colour: int) -> None:
        for light in turn:
            light.colour, light.elapsed = colour, 0.0


class Lights:
    """All traffic lights of a map."""

    def __init__(self, lights: list[TrafficLight]) -> None:
        junctions: defaultdict[str, list[TrafficLight]] = defaultdict(list)
        for light in lights:
            junctions[light.signal.junction].append(light)
        self.lights = lights
        self.groups = [Group(members) for members in junctions.values()]

    def advance(self, dt: float) -> None:
        """Let ``dt`` s pass."""
        for group in self.groups:
            group.advance(dt)

    def group(self, light: TrafficLight) -> Group:
        """The group of a light."""
        return next(group for group in self.groups if light in group.lights)

    def reset(self) -> None:
        """All as at the beginning."""
        for group in self.groups:
            group.reset()

    def freeze(self, frozen: bool) -> None:
        """Stop or go on, all of them."""
        for light in self.lights:
            light.frozen = frozen

    def before(self, vehicle: Vehicle) -> tuple[int, int] | None:
        """(colour, actor id) of the light that a vehicle stands at."""
        x, y = vehicle.place.x, vehicle.place.y
        nose = vehicle.box.extent[0]
        for light in self.lights:
            for sx, sy, heading, half in light.stops:
                cosine, sine = math.cos(heading), math.sin(heading)
                along = (sx - x) * cosine + (sy - y) * sine
                across = (sy - y) * cosine - (sx - x) * sine
                ahead = math.cos(vehicle.place.yaw - heading) > 0.7
                if -1.0 < along - nose < STOP_BOX and abs(across) < half and ahead:
                    return light.colour, light.identity
        return None


def blueprint_of(signal: Signal) -> Blueprint | None:
    """What kind of actor a signal becomes; None for those that CARLA has no actor for."""
    if signal.type == TRAFFIC_LIGHT:
        return Blueprint("traffic.traffic_light", (), (0.4, 0.4, 1.0))
    if signal.type in SIGNS:
        return Blueprint(SIGNS[signal.type], (), (0.1, 0.7, 0.7))
    return None


def place_of(signal: Signal, world: Map) -> Place | None:
    """Where a signal stands; None when its road is missing."""
    road = world.network.roads.get(signal.road)
    if road is None or not 0.0 <= signal.s <= road.length + 0.1:
        return None
    x, y, z = road.point([signal.s], signal.t)[0].tolist()
    heading = float(road.reference(np.array([signal.s])).heading[0])
    if not signal.forward:
        heading += math.pi
    return Place(x, y, z, heading + signal.heading)


def stops_of(signal: Signal, world: Map) -> list[tuple[float, float, float, float]]:
    """(x, y, heading, half width) of every lane where traffic stops for a signal."""
    road = world.network.roads[signal.road]
    index = road.section_at(signal.s)
    found = []
    for lane in road.lane_sections[index].ids:
        if not lane or road.lane_sections[index].lanes[lane].type not in DRIVABLE:
            continue
        forward = road.forward(lane)
        if signal.counts_for(lane, forward):
            path = road.lane_path(index, lane, np.array([signal.s]))
            heading = float(path.heading[0]) + (0.0 if forward else math.pi)
            found.append((float(path.x[0]), float(path.y[0]), heading, float(path.half_width[0])))
    return found


def light_box(light: TrafficLight) -> Box:
    """Its box of three lamps, world axes, at the height of the signal (at least 2.5 m)."""
    place = light.place
    return Box((place.x, place.y, place.z + max(2.5, light.signal.height)), (0.2, 0.2, 0.5))
