"""Radar: rays drawn at random in a cone, with the speed at which what they hit comes nearer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from envs.carla.errors import Refused
from envs.carla.server import limits
from envs.carla.server.sensors import rays
from liquid_pilot.randomness import generator

if TYPE_CHECKING:
    from envs.carla.server.sensors import Lab
    from envs.carla.server.world.actors import Sensor


def check(lab: Lab, sensor: Sensor) -> None:
    """Raise Refused for a radar that cannot be."""
    if not 0.0 < sensor.number("horizontal_fov") < 180.0 or not 0.0 < sensor.number("vertical_fov") < 160.0:
        raise Refused("a radar's fields of view lie between 0 and 180 (vertical: 160) degrees")
    lab.studio.book(rays.WIDTH, rays.rows_for(math.radians(0.5 * sensor.number("vertical_fov"))), 92.0)


def detect(lab: Lab, sensor: Sensor) -> list[bytes]:
    """(velocity, azimuth, altitude, depth): m/s away from the sensor, rad to the right, rad up, m."""
    world = lab.world
    count = round(int(sensor.attributes["points_per_second"]) * lab.elapsed(sensor))
    count = max(1, min(count, limits.LIDAR_POINTS))
    random = generator(int(sensor.attributes["noise_seed"]) & 0x7FFFFFFF, f"carla/radar/{sensor.identity}", world.frame)
    radius, angle = np.sqrt(random.uniform(size=count)), random.uniform(0.0, 2.0 * math.pi, size=count)
    azimuth = 0.5 * math.radians(sensor.number("horizontal_fov")) * radius * np.cos(angle)
    altitude = 0.5 * math.radians(sensor.number("vertical_fov")) * radius * np.sin(angle)
    hits = rays.cast(lab, sensor, azimuth, altitude, sensor.number("range"), named=True)
    velocity = np.zeros((len(hits.ray), 3))
    for actor in world.bodies:
        velocity[hits.owner == actor.identity] = actor.velocity
    towards = hits.points / np.maximum(hits.distance, 1e-9)[:, None] @ sensor.place.pose().rotation.T
    table = np.empty((len(hits.ray), 4), dtype="<f4")
    table[:, 0] = ((velocity - np.array(sensor.velocity)) * towards).sum(1)
    table[:, 1], table[:, 2], table[:, 3] = -azimuth[hits.ray], altitude[hits.ray], hits.distance
    return [table.tobytes()]
