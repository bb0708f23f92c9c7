"""What ``render()`` shows: the camera, a view from behind, the map with the route, and bars for what the car does."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from envs.driving.map_view import MapView
from envs.driving.world import OUTSIDE_FOV
from envs.render.pose import Pose

if TYPE_CHECKING:
    from envs.driving.ride import Ride

Picture = npt.NDArray[np.uint8]

WIDTH = 800
"""Pixels of the whole picture; even, as video encoders want it."""
CAMERA_HEIGHT = 312
"""Of the forward camera, which is scaled to fit (four times for 200 x 78)."""
CHASE_SIZE = (480, 270)
"""Width and height of the view from behind."""
BARS_HEIGHT = 38
"""Of the strip at the bottom."""
HEIGHT = CAMERA_HEIGHT + CHASE_SIZE[1] + BARS_HEIGHT
"""Pixels of the whole picture."""

BEHIND = Pose.from_angles(-7.5, 0.0, 3.1, pitch=math.radians(-12.0))
"""The eye of the view from behind, in the car's frame."""
CHASE_FOV = math.degrees(OUTSIDE_FOV)
"""Its lens, degrees."""
_BACKGROUND = (24, 26, 30)
_TEXT = (214, 216, 220)
_BAR = (88, 92, 100)
_SPEED = (92, 176, 246)
_STEERING = (250, 204, 60)
_ERROR = (236, 108, 96)
_SPEED_FULL = 20.0
"""m/s at the end of the speed bar."""


class RidePicture:
    """Draws one episode; it remembers where the car was drawn, for the trail on the map."""

    def __init__(self, ride: Ride) -> None:
        self._ride = ride
        route = ride.route
        driven = (route.s >= ride.begin) & (route.s <= ride.finish)
        line = np.column_stack((route.x[driven], route.y[driven]))
        theme, instances = ride.world.theme, ride.world.instances
        size = (WIDTH - CHASE_SIZE[0], CHASE_SIZE[1])
        self._map = MapView(ride.world.network, *size, theme, line, instances=instances)
        self._trail: list[tuple[float, float]] = []

    def compose(self, image: Picture, car: Pose, action: tuple[float, float]) -> Picture:
        """The whole picture, uint8 (HEIGHT, WIDTH, 3) RGB.

        Args:
            image: of the forward camera.
            car: pose of the car's reference point.
            action: the last one applied: steering, acceleration.
        """
        ride = self._ride
        self._trail.append((ride.car.x, ride.car.y))
        picture = np.full((HEIGHT, WIDTH, 3), _BACKGROUND, dtype=np.uint8)
        fit(picture[:CAMERA_HEIGHT], image)
        below = picture[CAMERA_HEIGHT : CAMERA_HEIGHT + CHASE_SIZE[1]]
        below[:, : CHASE_SIZE[0]] = ride.world.view_of(car, car.compose(BEHIND), *CHASE_SIZE)
        below[:, CHASE_SIZE[0] :] = self._map.draw(ride.car.x, ride.car.y, ride.car.heading, np.array(self._trail))
        self._bars(picture[CAMERA_HEIGHT + CHASE_SIZE[1] :], action)
        return picture

    def _bars(self, strip: Picture, action: tuple[float, float]) -> None:
        ride = self._ride
        error, edge = ride.place.cross_track, ride.place.half_width
        speed = ride.car.speed
        bar(strip, 10, 0.0, speed / _SPEED_FULL, _SPEED, f"speed {speed:5.1f} m/s")
        # Left is left: positive steering and errors point to the left, so the bars are drawn mirrored.
        bar(strip, 210, 0.5, 0.5 - 0.5 * action[0], _STEERING, f"steering {action[0]:+.2f}")
        bar(strip, 410, 0.5, 0.5 - 0.5 * error / edge, _ERROR, f"off centre {error:+.2f} m")
        text = ride.end or f"{ride.frame * 0.05:5.1f} s"
        cv2.putText(strip, text, (610, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.5, _TEXT, 1, cv2.LINE_AA)


def fit(area: Picture, image: Picture) -> None:
    """Lay the image into the middle of the area, as large as it fits, pixels visible as squares."""
    height, width = area.shape[:2]
    scale = min(width / image.shape[1], height / image.shape[0])
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    method = cv2.INTER_NEAREST if scale >= 1.0 else cv2.INTER_AREA
    scaled = cv2.resize(image, size, interpolation=method)
    top, left = (height - size[1]) // 2, (width - size[0]) // 2
    area[top : top + size[1], left : left + size[0]] = scaled


def bar(
    strip: Picture, left: int, zero: float, value: float, colour: tuple[int, int, int], text: str, width: int = 180
) -> None:
    """A bar from ``zero`` to ``value`` (both 0..1 of its width) under its text."""
    cv2.putText(strip, text, (left, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.42, _TEXT, 1, cv2.LINE_AA)
    cv2.rectangle(strip, (left, 20), (left + width, 32), _BAR, 1)
    ends = sorted((left + round(zero * width), left + round(max(0.0, min(1.0, value)) * width)))
    cv2.rectangle(strip, (ends[0], 21), (ends[1], 31), colour, -1)
