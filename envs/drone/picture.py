"""What ``render()`` shows of a flight: the camera, a view from behind, the map with the flown path, and some bars."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from envs.driving.picture import BARS_HEIGHT, CAMERA_HEIGHT, CHASE_SIZE, HEIGHT, WIDTH, bar, fit
from envs.drone.land import EDGE
from envs.render.labels import Label
from envs.render.pose import Pose
from envs.render.scene import Mesh

if TYPE_CHECKING:
    from envs.drone.mission import Mission

Picture = npt.NDArray[np.uint8]

_BACKGROUND = (24, 26, 30)
_TEXT = (214, 216, 220)
_LAND, _OBSTACLE = (150, 170, 120), (74, 104, 62)
_TRAIL, _DRONE, _TARGET = (250, 204, 60), (240, 240, 240), (226, 52, 44)
_SPEED, _HEIGHT, _DISTANCE = (92, 176, 246), (150, 214, 120), (236, 108, 96)
_SUB = 4


@cache
def drone_mesh() -> Mesh:
    """A quadrotor for the view from behind, drawn three times its size so that it can be seen."""
    scale, parts, colours = 3.0, [], []
    for x, y in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        around = np.linspace(0.0, 2.0 * math.pi, 8, endpoint=False)
        disc = np.column_stack((0.028 * x + 0.023 * np.cos(around), 0.028 * y + 0.023 * np.sin(around)))
        parts.append(np.column_stack((disc, np.full(8, 0.012))))
        colours.append((230, 110, 60) if x > 0 else (60, 60, 66))
    fans = [np.array([(0, k, k + 1) for k in range(1, 7)]) + 8 * number for number in range(4)]
    body = 0.018 * np.array([(1, 1, 0), (-1, 1, 0), (-1, -1, 0), (1, -1, 0), (0, 0, -0.8), (0, 0, 0.8)])
    hull = np.array([(0, 1, 5), (1, 2, 5), (2, 3, 5), (3, 0, 5), (1, 0, 4), (2, 1, 4), (3, 2, 4), (0, 3, 4)]) + 32
    paint = np.concatenate([np.tile(colour, (8, 1)) for colour in colours] + [np.tile((40, 40, 46), (6, 1))])
    return Mesh(
        vertices=scale * np.concatenate((*parts, body)),
        triangles=np.concatenate((*fans, hull)),
        colours=paint.astype(np.uint8),
        label=Label.DYNAMIC,
        two_sided=True,
    )


class FlightPicture:
    """Draws one episode; it remembers where the drone was drawn, for the trail on the map."""

    def __init__(self, mission: Mission) -> None:
        self._mission = mission
        self._size = WIDTH - CHASE_SIZE[0], CHASE_SIZE[1]
        self._scale = 0.5 * min(self._size) / (mission.world.spec.radius + EDGE)
        land = np.full((self._size[1], self._size[0], 3), _LAND, dtype=np.uint8)
        for x, y, radius in mission.world.scene.obstacles.tolist():
            size = max(1.5, radius * self._scale)
            cv2.circle(land, self._pixel(x, y), round(size * 2**_SUB), _OBSTACLE, -1, cv2.LINE_AA, _SUB)
        self._land = land
        self._trail: list[tuple[float, float]] = []

    def compose(self, image: Picture) -> Picture:
        """The whole picture, uint8 (HEIGHT, WIDTH, 3) RGB, around the image of the drone's camera."""
        mission = self._mission
        flight = mission.flight
        self._trail.append((flight.body.x, flight.body.y))
        picture = np.full((HEIGHT, WIDTH, 3), _BACKGROUND, dtype=np.uint8)
        fit(picture[:CAMERA_HEIGHT], image)
        below = picture[CAMERA_HEIGHT : CAMERA_HEIGHT + CHASE_SIZE[1]]
        body = flight.body
        level = Pose.from_angles(body.x, body.y, body.z, flight.heading)
        eye = level.compose(Pose.from_angles(-1.6, 0.0, 0.5, pitch=math.radians(-12.0)))
        below[:, : CHASE_SIZE[0]] = mission.world.view_of(flight.pose, eye, *CHASE_SIZE, mission.shown)
        below[:, CHASE_SIZE[0] :] = self._map()
        strip = picture[CAMERA_HEIGHT + CHASE_SIZE[1] : CAMERA_HEIGHT + CHASE_SIZE[1] + BARS_HEIGHT]
        speed = float(np.linalg.norm(flight.velocity))
        bar(strip, 10, 0.0, speed / 5.0, _SPEED, f"speed {speed:4.1f} m/s")
        bar(strip, 210, 0.0, flight.body.z / 5.0, _HEIGHT, f"height {flight.body.z:4.1f} m")
        bar(strip, 410, 0.0, mission.distance / 40.0, _DISTANCE, f"distance {mission.distance:4.1f} m")
        text = mission.end or f"{flight.time:5.1f} s"
        cv2.putText(strip, text, (610, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.5, _TEXT, 1, cv2.LINE_AA)
        return picture

    def _map(self) -> Picture:
        picture, flight = self._land.copy(), self._mission.flight
        x, y, _ = self._mission.target
        cv2.circle(picture, self._pixel(x, y), 4 << _SUB, _TARGET, -1, cv2.LINE_AA, _SUB)
        trail = np.array([self._pixel(*place) for place in self._trail], dtype=np.int32)
        cv2.polylines(picture, [trail], False, _TRAIL, 2, cv2.LINE_AA, _SUB)
        nose = flight.body.x + 3.0 * math.cos(flight.heading), flight.body.y + 3.0 * math.sin(flight.heading)
        here = self._pixel(flight.body.x, flight.body.y)
        cv2.line(picture, here, self._pixel(*nose), _DRONE, 1, cv2.LINE_AA, _SUB)
        cv2.circle(picture, here, 3 << _SUB, _DRONE, -1, cv2.LINE_AA, _SUB)
        return picture

    def _pixel(self, x: float, y: float) -> tuple[int, int]:
        """Of a place in metres, in sixteenths of a pixel, north (+y) up."""
        width, height = self._size
        column, row = 0.5 * width + self._scale * x, 0.5 * height - self._scale * y
        return round(column * 2**_SUB), round(row * 2**_SUB)
