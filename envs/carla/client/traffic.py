"""Other cars, driven by the Traffic Manager of the client: one manager, on a port of its own, per environment."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from envs.carla.client.session import Session
from envs.carla.errors import ServerRefused
from liquid_pilot.randomness import generator

if TYPE_CHECKING:
    from envs.carla.client.car import CarlaCar

_FREE = 15.0
"""Metres around our car in which none is put."""


def drive_others(session: Session, count: int, seed: int, car: CarlaCar) -> int:
    """Put up to ``count`` cars on the map's spawn points and have them driven; gives how many found a place.

    As repeatable as CARLA allows: blueprints and places in a fixed order, the manager's seed set before any registers.
    """
    manager = session.traffic_manager(seed % 2**31)
    with session.speaking("spawn points"):
        session.world.set_pedestrians_seed(seed % 2**31)
        points = session.world.get_map().get_spawn_points()
        library = session.world.get_blueprint_library().filter("vehicle.*")
    names = sorted(p.id for p in library if int(p.get_attribute("number_of_wheels")) == 4 and "liquidpilot" not in p.id)
    order = generator(seed, "carla-traffic").permutation(len(points)).tolist()
    driven = 0
    for place in (points[index] for index in order):
        if driven == count:
            break
        if math.hypot(place.location.x - car.x, -place.location.y - car.y) < _FREE:
            continue
        try:
            other = session.spawn(session.blueprint(names[driven % len(names)]), place)
        except ServerRefused:
            continue  # taken: the next point
        with session.speaking("set_autopilot"):
            other.set_autopilot(True, manager.get_port())
        driven += 1
    return driven
