"""One episode of driving without any camera: the car on its route, why the episode ends, and the truth about it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from envs.driving.vehicle import Vehicle

if TYPE_CHECKING:
    from envs.driving.stage import Stage
    from envs.driving.start import Start
    from envs.driving.world import Way

CONTROL_PERIOD = 0.05
"""s between two actions (20 Hz)."""
SUBSTEPS = 5
"""Physics steps for each (100 Hz)."""

AHEAD: npt.NDArray[np.float64] = np.arange(0.0, 61.0, 2.0)
"""Distances along the lane of the rows of ``path_ahead``, m."""


_FREE = 1.5
# m beside a lane in which nothing ever stands (scenery keeps 2 m). A car that keeps to it needs no look at the
# obstacles, for which the scene would have to be built.

CURVATURES = {f"curvature_{distance}": distance // 2 for distance in (10, 20, 30, 40, 50)}
"""The curvature so many metres ahead, as a number of its own, and its row in ``path_ahead``: what a network has to see
to slow down in time, and therefore a target for its head in training."""

FAILURES = ("collision", "off_lane", "wrong_way")
"""Ends that mean a mistake; the others are ``completed`` and ``time_limit``."""


class Ride:
    """A car that drives a way in a world, from a start until something ends it.

    Args:
        world: gives the obstacles.
        way: the route.
        start: where and how the car begins.
        off_lane: how far the car's centre may leave the lane centre, as a fraction of half the lane width.
        frames: control periods after which the time is over.
        car: the vehicle, when it is not one of the embedded world.

    Attributes:
        car: the vehicle.
        place: the foot of the car's centre on the route (`envs.road.Projection`).
        path: (31, 4) float64: the lane ahead; columns distance along the lane (`AHEAD`), x, y in the car's frame (m),
            curvature (1/m).
        frame: control periods since the start.
        end: why the episode is over; "" while it is not.
    """

    def __init__(
        self, world: Stage, way: Way, start: Start, off_lane: float, frames: int, car: Vehicle | None = None
    ) -> None:
        self.world = world
        self.route = route = way.route
        self.begin = start.position
        self.finish = way.finish(start.position)
        self.car = Vehicle() if car is None else car
        self.frame = 0
        self.end = ""
        self._off_lane = off_lane
        self._frames = frames
        self._collision = False
        x, y, _, heading = route.position(start.position)
        self.car.place(
            x - start.lateral * math.sin(heading),
            y + start.lateral * math.cos(heading),
            heading + start.heading,
            start.speed,
            route.curvature_at(start.position),
        )
        # The hint is where the start lies, so that a road which crosses itself is entered on the right branch.
        self.place = route.project(self.car.x, self.car.y, int(start.position / float(route.s[1] - route.s[0])))
        self._invades = self._wheel_over_edge()
        self.path = self._path_ahead()

    @property
    def over(self) -> bool:
        """Whether the episode has ended."""
        return self.end != ""

    @property
    def heading_error(self) -> float:
        """How far the car points left of its lane, rad in -pi .. pi."""
        return math.remainder(self.car.heading - self.place.heading, 2.0 * math.pi)

    @property
    def height(self) -> float:
        """Height of the road under the car, m."""
        return self.route.position(self.place.s)[2]

    def advance(self, steering: float, pedal: float) -> float:
        """Drive one control period with an action in [-1, 1]; gives the progress along the route in m."""
        car, before = self.car, self.place
        slope = before.slope * math.cos(car.heading - before.heading)
        car.advance(steering, pedal, CONTROL_PERIOD, slope, SUBSTEPS)
        self.place = self.route.project(car.x, car.y, before.index)
        self.frame += 1
        self._invades = self._wheel_over_edge()
        self._collision = self._touches_something()
        self.end = self._why_over()
        self.path = self._path_ahead()
        return self.place.s - before.s

    def truth(self) -> dict[str, Any]:
        """Everything that a judge or an expert may know, as plain numbers; see `LaneKeepingEnv.step`."""
        car, place = self.car, self.place
        ahead = self.path[:, 3].tolist()
        return {
            "time": self.frame * CONTROL_PERIOD,
            "frame": self.frame,
            "x": car.x,
            "y": car.y,
            "z": self.height,
            "heading": car.heading,
            "speed": car.speed,
            "yaw_rate": car.yaw_rate,
            "steering_angle": car.steering_angle,
            "acceleration": car.acceleration,
            "lateral_acceleration": car.lateral_acceleration,
            "cross_track_error": place.cross_track,
            "heading_error": self.heading_error,
            "curvature": place.curvature,
            **{name: ahead[row] for name, row in CURVATURES.items()},
            "slope": place.slope,
            "route_position": place.s - self.begin,
            "route_completion": max(0.0, min(1.0, (place.s - self.begin) / (self.finish - self.begin))),
            "lane_half_width": place.half_width,
            "lane_invasion": self._invades,
            "off_lane": self._is_off_lane(),
            "collision": self._collision,
            "end": self.end,
            "success": self.end == "completed",
            "path_ahead": self.path,
        }

    def _is_off_lane(self) -> bool:
        return abs(self.place.cross_track) > self._off_lane * self.place.half_width

    def _why_over(self) -> str:
        if self._collision:
            return "collision"
        if self._is_off_lane():
            return "off_lane"
        if math.cos(self.car.heading - self.place.heading) < 0.0:
            return "wrong_way"
        if self.place.s >= self.finish:
            return "completed"
        return "time_limit" if self.frame >= self._frames else ""

    def _wheel_over_edge(self) -> bool:
        """Whether a wheel is beyond the lane's edge; under the car the lane is taken for a circle."""
        place, p = self.place, self.car.parameters
        error = self.car.heading - place.heading
        cosine, sine = math.cos(error), math.sin(error)
        room = place.half_width - 0.5 * p.width * abs(cosine)
        for arm in (p.to_front, -p.to_rear):
            across, along = arm * sine, arm * cosine
            if abs(place.cross_track + across - 0.5 * place.curvature * along * along) > room:
                return True
        return False

    def _touches_something(self) -> bool:
        car, p = self.car, self.car.parameters
        error = self.heading_error
        aside = 0.5 * (p.length * abs(math.sin(error)) + p.width * abs(math.cos(error)))
        aside += abs(self.place.cross_track) + 0.125 * abs(self.place.curvature) * p.length * p.length
        if aside < self.place.half_width + _FREE:
            return False
        return self.world.obstacles.touches(car.x, car.y, car.heading, p.length, p.width)

    def _path_ahead(self) -> npt.NDArray[np.float64]:
        car = self.car
        x, y, curvature = self.route.ahead(max(self.place.s, 0.0), AHEAD)
        x = x - car.x
        y = y - car.y
        cosine, sine = math.cos(car.heading), math.sin(car.heading)
        path = np.empty((len(AHEAD), 4))
        path[:, 0] = AHEAD
        path[:, 1] = cosine * x + sine * y
        path[:, 2] = cosine * y - sine * x
        path[:, 3] = curvature
        return path
