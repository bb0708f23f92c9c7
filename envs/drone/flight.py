"""A drone in flight: commands in, motion out, one 20 Hz control step at a time.

    with Flight() as flight:
        flight.reset(Pose.from_angles(0.0, 0.0, 1.5), seed=7, wind=Wind(speed=3.0))
        flight.advance((0.5, 0.0, 0.0, 0.2))
        flight.position, flight.heading_velocity, flight.contacts

Obstacles are whatever somebody puts into the PyBullet world ``flight.client``. Many small bodies cost much at every
step (0.3 us each); as compound shapes of 16 (``createCollisionShapeArray``) they cost a tenth of that.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from envs.drone.body import Body
from envs.drone.control import GUIDANCE_STEPS, Controller, ControlParameters
from envs.drone.errors import BadStart
from envs.drone.parameters import CONTROL_PERIOD, PHYSICS_STEPS, QuadrotorParameters
from envs.drone.wind import CALM, Wind
from envs.errors import BadAction, NonFiniteAction, ResetNeeded
from envs.render.pose import Pose

Vector = npt.NDArray[np.float64]


class Flight:
    """A quadrotor, its controller and the air around it.

    Everything that happens is fixed by ``reset``'s arguments, the commands and the obstacles: two flights with the same
    ones are equal bit by bit, in any process and whatever was flown before.

    Args:
        quadrotor: motors, rotors, drag.
        control: limits and gains of the controller.
    """

    def __init__(self, quadrotor: QuadrotorParameters | None = None, control: ControlParameters | None = None) -> None:
        self.quadrotor = QuadrotorParameters() if quadrotor is None else quadrotor
        self.control = ControlParameters() if control is None else control
        self.body = Body(self.quadrotor)
        self._controller = Controller(self.control, self.quadrotor)
        self._air: Iterator[tuple[float, float, float]] | None = None
        self.wind: tuple[float, float, float] = (0.0, 0.0, 0.0)
        """Velocity of the air during the last control step, (x, y, z) m/s, world."""
        self.steps = 0
        """Control steps since ``reset``."""

    def reset(self, pose: Pose, velocity: npt.ArrayLike = (0.0, 0.0, 0.0), *, seed: int = 0, wind: Wind = CALM) -> None:
        """Start a flight, with the rotors at hover speed and no turn rate.

        Args:
            pose: where the drone is and how it is turned.
            velocity: (3,) m/s, world.
            seed: of the gusts.
            wind: mean wind and gusts.

        Raises:
            BadStart: pose or velocity are not finite, or of the wrong shape.
            WindTooStrong: the drone cannot hold its place in this wind.
            ResetNeeded: the flight was closed.
        """
        if self.body.client < 0:
            raise ResetNeeded("this flight was closed: make a new Flight")
        wind.check(self.quadrotor)
        go = np.asarray(velocity, dtype=np.float64)
        if go.shape != (3,) or not np.isfinite((*go, *pose.position, *pose.rotation.flat)).all():
            raise BadStart(f"a flight starts from a finite pose and a velocity of shape (3,); got {pose} and {go}")
        spin = self.quadrotor.hover_rotor_speed
        self.body.place(pose.position.tolist(), _quaternion(pose.rotation), go.tolist(), rotor_speed=spin)
        self._controller.reset(self.body, wind.mean)
        self._air = wind.series(seed)
        self.wind = (0.0, 0.0, 0.0)
        self.steps = 0

    def advance(self, command: npt.ArrayLike) -> None:
        """Fly one control step of 0.05 s.

        Args:
            command: (4,) velocity ahead, left, up and yaw rate to the left, in the level frame that turns with the
                drone's heading, each in [-1, 1] of full scale (`ControlParameters`); beyond that it is clipped.

        Raises:
            NonFiniteAction, BadAction: the command is not finite, or of another shape; nothing has moved.
            ResetNeeded: before the first ``reset`` or after ``close``.
        """
        if self._air is None:
            raise ResetNeeded("advance comes after reset, and never after close: call reset first")
        if isinstance(command, tuple) and len(command) == 4:
            ahead, left, climb, yaw = command  # the quick way of those who have plain numbers
        else:
            values = np.asarray(command, dtype=np.float64)
            if values.shape != (4,):
                raise BadAction(f"a command has shape (4,): vx, vy, vz, yaw rate; got shape {values.shape}")
            ahead, left, climb, yaw = values.tolist()
        if not math.isfinite(ahead + left + climb + yaw):
            raise NonFiniteAction(
                f"command ({ahead}, {left}, {climb}, {yaw}) at {self.steps * CONTROL_PERIOD:.2f} s is not finite: "
                "the policy that gave it is broken, check its training"
            )
        body, controller = self.body, self._controller
        controller.command(
            max(-1.0, min(1.0, ahead)), max(-1.0, min(1.0, left)), max(-1.0, min(1.0, climb)), max(-1.0, min(1.0, yaw))
        )
        self.wind = wind = next(self._air)
        for step in range(PHYSICS_STEPS):
            if step % GUIDANCE_STEPS == 0:
                controller.guide(body)
            body.step(controller.stabilise(body), wind)
        self.steps += 1

    def clear(self) -> None:
        """Empty the world of all obstacles; a ``reset`` must follow. Raises ResetNeeded when the flight was closed."""
        if self.body.client < 0:
            raise ResetNeeded("this flight was closed: make a new Flight")
        self._air = None
        self.body.clear()

    def close(self) -> None:
        """Give the PyBullet world back. Closing twice is fine."""
        self._air = None
        self.body.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    # What it is doing; new arrays at every call

    @property
    def client(self) -> int:
        """The PyBullet client whose world this drone is in, for ``physicsClientId``."""
        return self.body.client

    @property
    def time(self) -> float:
        """Seconds since ``reset``."""
        return self.steps * CONTROL_PERIOD

    @property
    def position(self) -> Vector:
        """(3,) m, world."""
        b = self.body
        return np.array((b.x, b.y, b.z))

    @property
    def rotation(self) -> Vector:
        """(3, 3) body to world: its columns are the body's forward, left and up axes in the world."""
        b = self.body
        return np.array(((b.xx, b.xy, b.xz), (b.yx, b.yy, b.yz), (b.zx, b.zy, b.zz)))

    @property
    def pose(self) -> Pose:
        """Position and rotation."""
        return Pose(self.position, self.rotation)

    @property
    def velocity(self) -> Vector:
        """(3,) m/s, world."""
        b = self.body
        return np.array((b.vx, b.vy, b.vz))

    @property
    def body_velocity(self) -> Vector:
        """(3,) m/s forward, left, up along the body's own axes, leaning as it leans."""
        b = self.body
        return np.array(
            (
                b.xx * b.vx + b.yx * b.vy + b.zx * b.vz,
                b.xy * b.vx + b.yy * b.vy + b.zy * b.vz,
                b.xz * b.vx + b.yz * b.vy + b.zz * b.vz,
            )
        )

    @property
    def heading_velocity(self) -> Vector:
        """(3,) m/s ahead, left, up in the level frame that commands are given in."""
        b = self.body
        size = math.hypot(b.xx, b.yx)
        cosine, sine = (b.xx / size, b.yx / size) if size > 0.0 else (1.0, 0.0)
        return np.array((cosine * b.vx + sine * b.vy, cosine * b.vy - sine * b.vx, b.vz))

    @property
    def angular_velocity(self) -> Vector:
        """(3,) rad/s about the body's axes, as a gyroscope there feels it."""
        b = self.body
        return np.array((b.p, b.q, b.r))

    @property
    def heading(self) -> float:
        """Where the nose points, rad in (-pi, pi], counter-clockwise from the world's x axis."""
        return math.atan2(self.body.yx, self.body.xx)

    @property
    def yaw_rate(self) -> float:
        """How fast the heading turns, rad/s, left positive."""
        b = self.body
        # The nose (xx, yx, zx) moves by r times the left axis minus q times the up axis.
        x, y = b.r * b.xy - b.q * b.xz, b.r * b.yy - b.q * b.yz
        level = b.xx * b.xx + b.yx * b.yx
        return (b.xx * y - b.yx * x) / level if level > 0.0 else 0.0

    @property
    def tilt(self) -> float:
        """Angle between the drone's up axis and the world's, rad."""
        b = self.body
        return math.atan2(math.hypot(b.xz, b.yz), b.zz)

    @property
    def rotor_speeds(self) -> Vector:
        """(4,) rad/s, in the order of ``parameters.MOTORS``."""
        return np.array(self.body.rotors)

    @property
    def contacts(self) -> frozenset[int]:
        """Ids of the bodies in this client's world that have touched the drone since ``reset``."""
        return frozenset(self.body.contacts)


def _quaternion(rotation: Vector) -> tuple[float, float, float, float]:
    """(x, y, z, w) of a rotation matrix (3, 3); the largest of the four is computed first (Shepperd 1978)."""
    (a, b, c), (d, e, f), (g, h, i) = rotation.tolist()
    trace = a + e + i
    largest = max(trace, a, e, i)
    if largest == trace:
        x, y, z, w = h - f, c - g, d - b, 1.0 + trace
    elif largest == a:
        x, y, z, w = 1.0 + a - e - i, b + d, c + g, h - f
    elif largest == e:
        x, y, z, w = b + d, 1.0 + e - a - i, f + h, c - g
    else:
        x, y, z, w = c + g, f + h, 1.0 + i - a - e, d - b
    size = math.sqrt(x * x + y * y + z * z + w * w)
    return x / size, y / size, z / size, w / size
