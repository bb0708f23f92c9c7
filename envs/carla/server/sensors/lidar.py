"""Lidars: rotating rows of rays."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from envs.carla.errors import Refused
from envs.carla.server import limits
from envs.carla.server.sensors import rays
from liquid_pilot.randomness import generator

if TYPE_CHECKING:
    from envs.carla.server.sensors import Lab
    from envs.carla.server.world.actors import Sensor


def check(lab: Lab, sensor: Sensor) -> None:
    """Raise Refused for a lidar that cannot be."""
    channels = int(sensor.attributes["channels"])
    if not 1 <= channels <= 256 or int(sensor.attributes["points_per_second"]) < 1:
        raise Refused("a lidar has 1 to 256 channels and at least one point per second")
    lab.studio.book(rays.WIDTH, rays.rows_for(_steepest(sensor)), 92.0)


def _steepest(sensor: Sensor) -> float:
    return math.radians(max(abs(sensor.number("upper_fov")), abs(sensor.number("lower_fov"))))


def _sweep(lab: Lab, sensor: Sensor, named: bool) -> tuple[float, NDArray[np.int64], rays.Hits]:
    """Where the beam points at the end of this tick (rad), each hit's channel, and the hits, channel by channel."""
    channels = int(sensor.attributes["channels"])
    elapsed = lab.elapsed(sensor)
    wanted = int(sensor.attributes["points_per_second"]) * elapsed / channels
    columns = max(1, min(round(wanted), limits.LIDAR_POINTS // channels))
    view = math.radians(min(360.0, max(1.0, sensor.number("horizontal_fov"))))
    turned = min(view, math.radians(360.0 * sensor.number("rotation_frequency")) * elapsed)
    begin = lab.beam.get(sensor.identity, 0.0)
    end = (begin + turned) % view
    lab.beam[sensor.identity] = end
    # CARLA's azimuth runs clockwise, ours to the left; a narrow field lies round the axis.
    clockwise = (begin + turned * np.arange(columns) / columns) % view
    if view < 2.0 * math.pi:
        clockwise = clockwise - 0.5 * view
    upper, lower = math.radians(sensor.number("upper_fov")), math.radians(sensor.number("lower_fov"))
    elevation = np.linspace(upper, lower, channels)
    azimuth = np.tile(-clockwise, channels)
    hits = rays.cast(lab, sensor, azimuth, np.repeat(elevation, columns), sensor.number("range"), named)
    return end, hits.ray // columns, hits


def _head(angle: float, channel: NDArray[np.int64], channels: int) -> bytes:
    counts = np.bincount(channel, minlength=channels).astype("<u4")
    return np.array([angle], dtype="<f4").tobytes() + np.array([channels], dtype="<u4").tobytes() + counts.tobytes()


def ray_cast(lab: Lab, sensor: Sensor) -> list[bytes]:
    """Points with intensity, less those that get lost."""
    angle, channel, hits = _sweep(lab, sensor, named=False)
    rate = sensor.number("atmosphere_attenuation_rate")
    intensity = np.exp(-rate * hits.distance)
    random = generator(
        int(sensor.attributes["noise_seed"]) & 0x7FFFFFFF, f"carla/lidar/{sensor.identity}", lab.world.frame
    )
    drawn = random.uniform(size=(2, len(intensity)))
    kept = drawn[0] >= sensor.number("dropoff_general_rate")
    limit, zero = sensor.number("dropoff_intensity_limit"), sensor.number("dropoff_zero_intensity")
    if limit > 0.0:
        lost = zero * (1.0 - intensity / limit)
        kept &= (intensity >= limit) | (drawn[1] >= lost)
    points = hits.points
    spread = sensor.number("noise_stddev")
    if spread > 0.0:
        points = points * (1.0 + random.normal(size=len(points)) * spread / np.maximum(hits.distance, 1e-6))[:, None]
    table = np.empty((int(kept.sum()), 4), dtype="<f4")
    table[:, :3] = points[kept] * (1.0, -1.0, 1.0)
    table[:, 3] = intensity[kept]
    return [_head(angle, channel[kept], int(sensor.attributes["channels"])), table.tobytes()]


_SEMANTIC = np.dtype([("point", "<f4", 3), ("cosine", "<f4"), ("owner", "<u4"), ("label", "<u4")])


def semantic(lab: Lab, sensor: Sensor) -> list[bytes]:
    """Points with the angle of incidence, the actor and the tag; none gets lost."""
    angle, channel, hits = _sweep(lab, sensor, named=True)
    table = np.empty(len(channel), dtype=_SEMANTIC)
    table["point"] = hits.points * (1.0, -1.0, 1.0)
    table["cosine"], table["owner"], table["label"] = hits.cosine, hits.owner, hits.label
    return [_head(angle, channel, int(sensor.attributes["channels"])), table.tobytes()]
