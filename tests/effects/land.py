"""A land in closed form for the tests of weather: a level road, a house, sky; no renderer."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from envs.effects import Key
from envs.effects.weather import View, WeatherLook
from envs.effects.weather.conditions import Conditions, conditions
from envs.effects.weather.heaven import Heaven
from envs.effects.weather.view import Shot, rays
from envs.render.labels import Label
from envs.render.pose import Pose
from envs.render.scene import Sky
from scenarios.weather import CLEAR, Weather

SKY = Sky(seed=3)
HEAVEN = Heaven(SKY)
KEY = Key(5, 40)
EYE = 2.0
"""Metres of the camera above the road."""
HOUSE = 30.0
"""Metres along x to the front of the house."""


class Picture(NamedTuple):
    rgb: npt.NDArray[np.uint8]
    depth: npt.NDArray[np.float32]
    labels: npt.NDArray[np.uint8]
    view: View


def land(
    width: int = 200,
    height: int = 78,
    x: float = 0.0,
    y: float = 0.0,
    yaw: float = 0.0,
    pitch: float = 0.0,
    speed: float = 12.0,
) -> Picture:
    """What a camera sees that stands at (x, y), 2 m above a road of 8 m along the world's x axis."""
    pose = Pose.from_angles(x, y, EYE, yaw, pitch)
    view = View(width, height, width / 2, pose.position, pose.rotation, pose.rotation[:, 0] * speed)
    body = rays(width, height, view.focal_px).body.astype(np.float64)
    world = np.einsum("ij,jhw->ihw", pose.rotation, body)
    with np.errstate(divide="ignore", invalid="ignore"):
        ground = np.where(world[2] < -1e-6, -EYE / world[2], np.inf)
        front = np.where(world[0] > 1e-6, (HOUSE - x) / world[0], np.inf)
        beside = y + world[1] * front
        above = EYE + world[2] * front
        house = (front > 0.0) & (beside > 6.0) & (beside < 14.0) & (above > 0.0) & (above < 7.0)
        depth = np.where(house, front, ground)
        depth = np.where(depth < 2000.0, depth, np.inf)
        aside = y + world[1] * np.where(np.isfinite(depth), depth, 0.0)
    labels = np.full((height, width), Label.SKY, dtype=np.uint8)
    labels[np.isfinite(depth)] = Label.TERRAIN
    road = np.isfinite(depth) & ~house & (np.abs(aside) < 4.0)
    labels[road] = Label.ROADS
    labels[road & (np.abs(aside) < 0.15)] = Label.ROAD_LINES
    labels[house & np.isfinite(depth)] = Label.BUILDINGS
    rgb = np.zeros((height, width, 3), dtype=np.uint8)
    for label, colour in (
        (Label.TERRAIN, (80, 130, 50)), (Label.ROADS, (95, 95, 98)),
        (Label.ROAD_LINES, (225, 225, 220)), (Label.BUILDINGS, (190, 140, 110)),
    ):  # fmt: skip
        rgb[labels == label] = colour
    sky = labels == Label.SKY
    if not sky.any():
        return Picture(rgb, depth.astype(np.float32), labels, view)
    length = np.sqrt((body[:, sky] ** 2).sum(axis=0)).astype(np.float32)
    colours = HEAVEN.colours(world[:, sky].astype(np.float32), length, weather_of(CLEAR))
    rgb[sky] = np.clip(255 * colours.T, 0, 255)
    return Picture(rgb, depth.astype(np.float32), labels, view)


def under(look: WeatherLook, picture: Picture, weather: Weather, key: Key = KEY) -> npt.NDArray[np.uint8]:
    return look.apply(picture.rgb, picture.depth, picture.labels, picture.view, weather, key)


def but(**changes: float) -> Weather:
    """A fine day except for these numbers."""
    return CLEAR.model_copy(update=changes)


def weather_of(weather: Weather) -> Conditions:
    return conditions(weather, SKY, 0.0)


def shot_of(picture: Picture) -> Shot:
    return Shot(picture.rgb, picture.depth, picture.labels, picture.view)


def brightness(image: npt.NDArray[np.uint8], where: npt.NDArray[np.bool_] | None = None) -> float:
    return float(image.mean() if where is None else image[where].mean())
