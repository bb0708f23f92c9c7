"""Cameras: colour, depth, semantic and instance segmentation, as CARLA encodes them: BGRA, row by row."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from envs.carla.server.protocol.layouts import PICTURE
from envs.carla.server.sensors.studio import MOVABLE, owners
from envs.render.renderer import Frame
from liquid_pilot.randomness import derive_seed

if TYPE_CHECKING:
    from envs.carla.server.sensors import Lab
    from envs.carla.server.world.actors import Sensor

_FAR = 1000.0
"""Metres that CARLA's depth pictures hold at most."""
_RGB, _DEPTH, _LABELS = frozenset({"rgb"}), frozenset({"depth"}), frozenset({"segmentation"})


def size(sensor: Sensor) -> tuple[int, int, float]:
    """Width and height in pixels, field of view in degrees."""
    return int(sensor.attributes["image_size_x"]), int(sensor.attributes["image_size_y"]), sensor.number("fov")


def check(lab: Lab, sensor: Sensor) -> None:
    """Raise Refused when such pictures cannot be taken."""
    lab.studio.book(*size(sensor))


def rgb(lab: Lab, sensor: Sensor) -> list[bytes]:
    """Colour, in the world's weather."""
    return _picture(sensor, np.asarray(cv2.cvtColor(colour(lab, sensor), cv2.COLOR_RGB2BGRA)))


def colour(lab: Lab, sensor: Sensor) -> NDArray[np.uint8]:
    """The picture (height, width, 3) RGB in the world's weather."""
    weather = lab.world.weather
    look = lab.world.map.driving.look
    frame = _shoot(lab, sensor, _RGB | look.needs(weather))
    image = frame.rgb
    assert image is not None
    return image if frame.depth is None else _under_weather(lab, sensor, frame, image)


def _under_weather(lab: Lab, sensor: Sensor, frame: Frame, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    from envs.effects.types import Key
    from envs.effects.weather import View

    world = lab.world
    width, height, fov = size(sensor)
    pose = sensor.place.pose()
    focal = width / (2.0 * math.tan(math.radians(fov) / 2.0))
    view = View(width, height, focal, pose.position, pose.rotation, np.array(sensor.velocity))
    key = Key(derive_seed(world.map.driving.seed, "carla-weather"), world.frame)
    return world.map.driving.look.apply(image, frame.depth, frame.segmentation, view, world.weather, key)


def depth(lab: Lab, sensor: Sensor) -> list[bytes]:
    """Distance along the axis, 24 bits over 1000 m, lowest byte in red; the sky is as far as can be."""
    metres = _shoot(lab, sensor, _DEPTH).depth
    assert metres is not None
    code = np.round(np.minimum(metres, _FAR) * ((2**24 - 1) / _FAR)).astype(np.uint32)
    return _picture(sensor, _planes(code >> 16, (code >> 8) & 255, code & 255))


def semantic(lab: Lab, sensor: Sensor) -> list[bytes]:
    """CARLA's tag of every pixel, in red."""
    labels = _shoot(lab, sensor, _LABELS).segmentation
    assert labels is not None
    nothing = np.zeros_like(labels)
    return _picture(sensor, _planes(nothing, nothing, labels))


def instance(lab: Lab, sensor: Sensor) -> list[bytes]:
    """The tag in red, and the actor's id in green (low byte) and blue (high byte): 0 for what is no actor."""
    frame = _shoot(lab, sensor, _LABELS | _DEPTH)
    labels, metres = frame.segmentation, frame.depth
    assert labels is not None
    assert metres is not None
    identities = np.zeros(labels.shape, dtype=np.uint32)
    rows, columns = np.nonzero(np.isin(labels, MOVABLE) & np.isfinite(metres))
    if len(rows):
        width, height, fov = size(sensor)
        focal = width / (2.0 * math.tan(math.radians(fov) / 2.0))
        ahead = metres[rows, columns].astype(np.float64)
        left, up = (width / 2 - columns - 0.5) / focal, (height / 2 - rows - 0.5) / focal
        points = sensor.place.pose().to_world(np.stack((ahead, ahead * left, ahead * up), 1))
        identities[rows, columns] = owners(lab.world, points, None)
    return _picture(sensor, _planes((identities >> 8) & 255, identities & 255, labels))


def _shoot(lab: Lab, sensor: Sensor, channels: frozenset[str]) -> Frame:
    return lab.studio.shoot(lab.world, sensor.place.pose(), sensor.parent, *size(sensor), channels)


def _planes(blue: NDArray[Any], green: NDArray[Any], red: NDArray[Any]) -> NDArray[np.uint8]:
    image = np.empty((*red.shape, 4), dtype=np.uint8)
    image[..., 0], image[..., 1], image[..., 2], image[..., 3] = blue, green, red, 255
    return image


def _picture(sensor: Sensor, pixels: NDArray[Any]) -> list[bytes]:
    width, height, fov = size(sensor)
    return [PICTURE.pack(width, height, fov), pixels.tobytes()]
