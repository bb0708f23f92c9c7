"""One episode of flying without any camera: the drone, its target, why the episode ends, and the truth about it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from envs.drone.bullet import pybullet
from envs.drone.hulls import Surroundings
from envs.drone.land import EDGE
from envs.drone.parameters import CONTROL_PERIOD
from envs.drone.target import target_mesh
from envs.drone.turning import Turning
from envs.drone.wind import Wind
from envs.drone.world import Shown, Soup, add_triangles
from envs.moment import Moment
from envs.render.pose import Pose
from liquid_pilot.randomness import derive_seed

if TYPE_CHECKING:
    from envs.drone.course import Course
    from envs.drone.flight import Flight
    from envs.drone.world import DroneWorld
    from scenarios.flight import FlightScenario

Array = npt.NDArray[np.float64]
Place = tuple[float, float, float]

HEADINGS: Array = np.radians(np.arange(-84.0, 85.0, 6.0))
"""Directions of ``free_ahead``, rad from the nose, + left."""
REACH = 6.0
"""The most that ``free_ahead`` says, m."""
SECTORS = tuple(f"free_{angle:+d}" for angle in (-36, -18, 0, 18, 36))
"""Names of the least that is free in three neighbouring directions, around so many degrees left of the nose: what a
network learns to see of obstacles while it is trained."""
MARGIN = 0.35
"""By how much obstacles are grown for it, m: the drone, and what it drifts."""
FAILURES = ("collision", "left_world", "lost")
"""Ends that mean a mistake; the others are ``success`` and ``time_limit``."""

_IN_SECTORS = slice(7, 22)
_TALL = 0.4
_RADIUS = 0.0628
_CEILING = 25.0
"""m; who flies higher has left the world too."""


class Mission:
    """A drone that flies to a target in a world, from a start until something ends it.

    Args:
        scenario: target, success and wind.
        world: the land.
        flight: the drone; its PyBullet world is emptied and furnished anew.
        course: start and target.
        frames: control periods after which the time is over.
        seed: of the gusts and of what else happens on the way.

    Attributes:
        frame: control periods since the start.
        target: the target's middle now, m.
        distance: from the drone to it, m.
        bearing: of it, rad in [-pi, pi] from the nose, + left.
        moment: now, for schedules and keyframes; the route is the way to the target that is done.
        clearance: from the drone to the nearest obstacle or the ground, m, at least.
        free_ahead: (29,) how far the way is free in `HEADINGS`, at most `REACH` m.
        end: why the episode is over; "" while it is not.
        held: seconds that the drone has been at the target by now.

    Raises:
        BadResetOption: from the course's own numbers, by `envs.drone.course`; WindTooStrong.
    """

    def __init__(
        self, scenario: FlightScenario, world: DroneWorld, flight: Flight, course: Course, frames: int, seed: int
    ) -> None:
        self.scenario, self.world, self.flight, self.course = scenario, world, flight, course
        self.frame = 0
        self.end = ""
        self.held = 0.0
        self.hit = ""
        self._frames = frames
        camera, spec = scenario.camera, scenario.target
        self._half = math.tan(math.radians(camera.fov_deg) / 2.0)
        self._half_up = self._half * camera.height / camera.width
        self._pitch = math.cos(math.radians(camera.pitch_deg)), math.sin(math.radians(camera.pitch_deg))
        view = math.radians(camera.fov_deg) / 2.0
        self._turning = None if scenario.turned_away is None else Turning(scenario.turned_away, view, seed)
        self._surroundings = Surroundings(world.cylinders, HEADINGS, REACH, MARGIN, _TALL)
        # A chair keeps its back to where the flight began, so that every flight sees its seat.
        self._target_yaw = math.atan2(course.y - course.target_y, course.x - course.target_x)
        flight.clear()
        self._bodies = world.furnish(flight.client)
        self._mesh = target_mesh(spec.kind, spec.colour, spec.size_m, course.target_z)
        soup = Soup(self._mesh.vertices.tolist(), self._mesh.triangles.ravel().tolist())
        self.target = self._target_now()
        self._target_body = add_triangles(flight.client, soup, self.target)
        self._bodies[self._target_body] = "target"
        self._shown: Shown | None = None
        self._put_target()
        cosine, sine = math.cos(course.heading), math.sin(course.heading)
        flight.reset(
            Pose.from_angles(course.x, course.y, course.z, course.heading),
            (
                course.speed * cosine - course.speed_left * sine,
                course.speed * sine + course.speed_left * cosine,
                course.speed_up,
            ),
            seed=derive_seed(seed, "gusts"),
            wind=wind_of(scenario, world.spec.seed),
        )
        self._begin = math.dist((course.x, course.y, course.z), self.target)
        self._locate()
        self._measure()

    @property
    def over(self) -> bool:
        """Whether the episode has ended."""
        return self.end != ""

    @property
    def target_velocity(self) -> tuple[float, float]:
        """(x, y) m/s."""
        moves = self.scenario.target.moves
        if moves is None:
            return 0.0, 0.0
        angle = self.course.phase + moves.speed / moves.radius_m * self.frame * CONTROL_PERIOD
        return -moves.speed * math.sin(angle), moves.speed * math.cos(angle)

    @property
    def hidden(self) -> bool:
        """Whether the target cannot be seen from anywhere now."""
        spell = self.scenario.target.hidden
        return spell is not None and spell.from_s <= self.frame * CONTROL_PERIOD < spell.to_s

    @property
    def overridden(self) -> bool:
        """Whether nobody listens to the action that is given now."""
        return self._turning is not None and self._turning.command(self.frame) is not None

    @property
    def shown(self) -> Shown:
        """The target as it is to be drawn; the same object for as long as nothing about it changes."""
        visible, last = not self.hidden, self._shown
        if last is None or last.visible != visible or self.scenario.target.moves is not None:
            self._shown = last = Shown(self._mesh, Pose.from_angles(*self.target, self._target_yaw), visible)
        return last

    def advance(self, action: tuple[float, ...]) -> float:
        """Fly one control period with an action (4,) in [-1, 1]; gives the gain in closeness, m."""
        before = self.distance
        forced = None if self._turning is None else self._turning.command(self.frame)
        self.frame += 1
        if self.scenario.target.moves is not None:
            self.target = self._target_now()
            self._put_target()
        self.flight.advance(action if forced is None else forced)
        body = self.flight.body
        if body.contacts:
            self.hit = self._bodies[min(body.contacts)]
        self._locate()
        success, (vx, vy) = self.scenario.success, self.target_velocity
        slow = math.hypot(body.vx - vx, body.vy - vy, body.vz) < success.speed
        self.held = self.held + CONTROL_PERIOD if slow and self.distance < success.radius_m else 0.0
        self.end = self._why_over()
        self._measure()
        return before - self.distance

    def visible(self) -> bool:
        """Whether the target's middle is in the camera's picture, with nothing in front of it and not hidden."""
        if self.hidden:
            return False
        body, camera, target = self.flight.body, self.scenario.camera, self.target
        out, over = camera.x_m, camera.z_m
        eye = (
            body.x + body.xx * out + body.xz * over,
            body.y + body.yx * out + body.yz * over,
            body.z + body.zx * out + body.zz * over,
        )
        dx, dy, dz = target[0] - eye[0], target[1] - eye[1], target[2] - eye[2]
        nose, roof = body.xx * dx + body.yx * dy + body.zx * dz, body.xz * dx + body.yz * dy + body.zz * dz
        cosine, sine = self._pitch
        ahead, up = cosine * nose + sine * roof, cosine * roof - sine * nose
        left = body.xy * dx + body.yy * dy + body.zy * dz
        if ahead <= 0.0 or abs(left) > self._half * ahead or abs(up) > self._half_up * ahead:
            return False
        hit = pybullet.rayTest(eye, target, physicsClientId=self.flight.client)[0][0]
        return int(hit) in (-1, self._target_body)

    def truth(self) -> dict[str, Any]:
        """Everything that a judge or an expert may know, as plain numbers; see `FlyToTargetEnv.step`."""
        flight, body = self.flight, self.flight.body
        x, y, z = self.target
        flat = math.hypot(x - body.x, y - body.y)
        ahead, left, climb = flight.heading_velocity.tolist()
        seconds, route_m, route_share = self.moment[1:]
        return {
            "time": seconds,
            "frame": self.frame,
            "x": body.x,
            "y": body.y,
            "z": body.z,
            "heading": flight.heading,
            "tilt": flight.tilt,
            "speed": math.hypot(body.vx, body.vy, body.vz),
            "velocity_ahead": ahead,
            "velocity_left": left,
            "velocity_up": climb,
            "yaw_rate": flight.yaw_rate,
            "wind_x": flight.wind[0],
            "wind_y": flight.wind[1],
            "wind_z": flight.wind[2],
            "target_x": x,
            "target_y": y,
            "target_z": z,
            "distance": self.distance,
            "bearing": self.bearing,
            "elevation": math.atan2(z - body.z, flat),
            "visible": self.visible(),
            "clearance": self.clearance,
            "route_position": route_m,
            "route_completion": route_share,
            "held": self.held,
            "overridden": self.overridden,
            "collision": self.hit != "",
            "hit": self.hit,
            "end": self.end,
            "success": self.end == "success",
            "free_ahead": self.free_ahead,
            **dict(zip(SECTORS, self.free_ahead[_IN_SECTORS].reshape(-1, 3).min(axis=1).tolist(), strict=True)),
        }

    def _target_now(self) -> Place:
        course, moves = self.course, self.scenario.target.moves
        if moves is None:
            return course.target_x, course.target_y, course.target_z
        angle = course.phase + moves.speed / moves.radius_m * self.frame * CONTROL_PERIOD
        dx, dy = math.cos(angle) - math.cos(course.phase), math.sin(angle) - math.sin(course.phase)
        return course.target_x + moves.radius_m * dx, course.target_y + moves.radius_m * dy, course.target_z

    def _put_target(self) -> None:
        turn = (0.0, 0.0, math.sin(0.5 * self._target_yaw), math.cos(0.5 * self._target_yaw))
        pybullet.resetBasePositionAndOrientation(self._target_body, self.target, turn, self.flight.client)

    def _locate(self) -> None:
        """What is needed to judge; everything that is looked at more than once is computed here, once a frame."""
        body, (x, y, z) = self.flight.body, self.target
        self.distance = math.dist((body.x, body.y, body.z), (x, y, z))
        self.bearing = math.remainder(math.atan2(y - body.y, x - body.x) - self.flight.heading, math.tau)
        done = max(0.0, self._begin - self.distance)
        whole = max(self._begin - self.scenario.success.radius_m, 1e-6)
        self.moment = Moment(self.frame, self.frame * CONTROL_PERIOD, done, min(1.0, done / whole))

    def _measure(self) -> None:
        body = self.flight.body
        near, self.free_ahead = self._surroundings.measure(body.x, body.y, body.z, self.flight.heading)
        self.clearance = max(0.0, near - _RADIUS)

    def _why_over(self) -> str:
        body = self.flight.body
        if self.hit:
            return "collision"
        if math.hypot(body.x, body.y) > self.world.spec.radius + EDGE or body.z > _CEILING:
            return "left_world"
        if self._turning is not None and self._turning.lost(self.frame, self.bearing):
            return "lost"
        # A hair less: seconds are sums of twentieths.
        if self.held >= max(CONTROL_PERIOD, self.scenario.success.hold_s) - 1e-9:
            return "success"
        return "time_limit" if self.frame >= self._frames else ""


def wind_of(scenario: FlightScenario, seed: int) -> Wind:
    """The wind of a flight: CARLA's ``wind_intensity`` as a mean wind, blowing to where the rain slants."""
    speed = scenario.mean_wind
    if speed == 0.0:
        return Wind(0.0, 0.0, 0.0)
    from envs.effects.weather.rain import wind_direction

    east, north = wind_direction(seed)
    return Wind(speed, math.atan2(north, east), scenario.wind.gusts)
