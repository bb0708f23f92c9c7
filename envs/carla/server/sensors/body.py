"""What a vehicle feels: inertial measurements, its place on Earth, collisions, obstacles ahead."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgpack
import numpy as np

from envs.carla.frames import Place, flip
from envs.carla.server.world.actors import Actor, Box
from envs.carla.server.world.blueprints import Blueprint
from envs.carla.server.world.collisions import overlap
from envs.render.labels import Label
from liquid_pilot.randomness import generator

if TYPE_CHECKING:
    from envs.carla.server.sensors import Lab
    from envs.carla.server.world.actors import Sensor

EARTH = 6378137.0
"""Radius of CARLA's Earth, m."""
_SCALE = 0.9996
_PROBES = 400
_SCENERY = Blueprint("static.unknown", (), label=Label.STATIC)


def imu(lab: Lab, sensor: Sensor) -> list[bytes]:
    """Accelerometer (m/s^2, gravity included), gyroscope (rad/s), compass (rad clockwise from north, which is -y)."""
    pose = sensor.place.pose()
    felt = np.array(sensor.parent.acceleration if sensor.parent is not None else sensor.acceleration)
    felt = pose.rotation.T @ (felt + np.array((0.0, 0.0, lab.world.gravity)))
    turning = pose.rotation.T @ np.array(sensor.spin)
    accel = np.array(flip((felt[0], felt[1], felt[2])))
    gyro = np.array((-turning[0], turning[1], -turning[2]))
    noise = _noise(lab, sensor, 6)
    for number, axis in enumerate("xyz"):
        accel[number] += noise[number] * sensor.number(f"noise_accel_stddev_{axis}")
        gyro[number] += noise[3 + number] * sensor.number(f"noise_gyro_stddev_{axis}")
        gyro[number] += sensor.number(f"noise_gyro_bias_{axis}")
    compass = (0.5 * math.pi - sensor.place.yaw) % (2.0 * math.pi)
    return [msgpack.packb([accel.tolist(), gyro.tolist(), compass])]


def gnss(lab: Lab, sensor: Sensor) -> list[bytes]:
    """Latitude, longitude (degrees), altitude (m)."""
    extras = lab.world.map.extras
    latitude, longitude = geographic(sensor.place.x, sensor.place.y, extras.latitude, extras.longitude)
    noise = _noise(lab, sensor, 3)
    values = []
    for value, name, drawn in zip((latitude, longitude, sensor.place.z), ("lat", "lon", "alt"), noise, strict=True):
        values.append(value + sensor.number(f"noise_{name}_bias") + drawn * sensor.number(f"noise_{name}_stddev"))
    return [msgpack.packb(values)]


def geographic(x: float, y: float, latitude: float, longitude: float) -> tuple[float, float]:
    """(latitude, longitude) in degrees of a place of ours (m) on a map whose origin lies there.

    As 0.9.16 does it, sensor and `Map.transform_to_geolocation` alike: inverse transverse Mercator on a sphere (J. P.
    Snyder, Map Projections, USGS 1987, equations 8-6 and 8-7) with the scale of UTM, whatever projection the map names;
    and latitude grows with CARLA's y, although its maps have north at -y (mended after 0.9.16).
    """
    east, north = x / (_SCALE * EARTH), -y / (_SCALE * EARTH) + math.radians(latitude)
    return (
        math.degrees(math.asin(max(-1.0, min(1.0, math.sin(north) / math.cosh(min(abs(east), 700.0)))))),
        longitude + math.degrees(math.atan2(math.sinh(max(-700.0, min(700.0, east))), math.cos(north))),
    )


def collision(lab: Lab, sensor: Sensor) -> list[list[bytes]]:
    """One message for each contact of the parent in this tick: both actors and the impulse (N s)."""
    found = []
    for contact in lab.world.contacts:
        if contact.actor is sensor.parent:
            other = contact.other or _scenery(contact.actor.place)
            body = [lab.describe(contact.actor), lab.describe(other), list(flip(contact.impulse))]
            found.append([msgpack.packb(body)])
    return found


def obstacle(lab: Lab, sensor: Sensor) -> list[bytes] | None:
    """The nearest thing ahead within the sensor's distance: a probe of its radius is moved along its axis."""
    holder = sensor.parent or sensor
    radius = max(0.05, min(20.0, sensor.number("hit_radius")))
    reach = max(0.0, min(1000.0, sensor.number("distance")))
    direction = sensor.place.pose().rotation[:, 0]
    only_moving = sensor.attributes["only_dynamics"].lower() in ("true", "1")
    steps = max(1, min(_PROBES, math.ceil(reach / radius)))
    probe = Actor(0, _SCENERY, {}, sensor.place)
    probe.box = Box((0.0, 0.0, 0.0), (radius, radius, radius))
    near = [actor for actor in lab.world.bodies if actor is not holder and actor is not sensor.parent]
    near = [a for a in near if math.dist(a.place[:2], sensor.place[:2]) < reach + 10.0]
    for number in range(steps + 1):
        far = reach * number / steps
        x, y, z = (float(start + far * d) for start, d in zip(sensor.place[:3], direction, strict=True))
        probe.place = Place(x, y, z, sensor.place.yaw)
        hit: Actor | None = next((actor for actor in near if overlap(probe, actor) is not None), None)
        if hit is None and not only_moving and lab.world.map.driving.obstacles.touches(x, y, 0.0, radius, radius):
            hit = _scenery(probe.place)
        if hit is not None:
            return [msgpack.packb([lab.describe(holder), lab.describe(hit), far])]
    return None


def _scenery(place: Place) -> Actor:
    """What stands beside the road is no actor; CARLA sends one of id 0 for it."""
    return Actor(0, _SCENERY, {}, place)


def _noise(lab: Lab, sensor: Sensor, count: int) -> list[float]:
    seed = int(sensor.attributes["noise_seed"]) & 0x7FFFFFFF
    drawn: list[float] = (
        generator(seed, f"carla/{sensor.kind}/{sensor.identity}", lab.world.frame).normal(size=count).tolist()
    )
    return drawn
