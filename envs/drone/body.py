"""The drone as a rigid body in a PyBullet world of its own: motors, rotors, drag, contacts; one 240 Hz step at a time.

A step costs five calls of PyBullet, about 4 us; everything else is plain floats. Three things about PyBullet that are
easy to get wrong:

* ``loadURDF`` recomputes the inertia from the collision shape unless it is told to use the file's;
* every body is damped (0.04 1/s linear and angular) until ``changeDynamics`` says otherwise;
* ``applyExternalTorque`` on the base of a body had its two frames swapped for years (bullet3 issue 1949). In 3.2.7
  LINK_FRAME is the body's frame, as it says; a test applies torques to turned drones and would notice a change.

Not modelled: the torque of a rotor that speeds up, gyroscopic torques of the rotors, drag torques, ground effect,
down-wash and blade flapping. All are small beside what the controller corrects at the speeds that we fly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from envs.drone.bullet import pybullet
from envs.drone.parameters import AIR_DENSITY, GRAVITY, MASS, PHYSICS_PERIOD, URDF, QuadrotorParameters

_PUSHED = 1e-6
# m/s. A velocity that differs by more from what the forces gave was changed by a contact; rounding is below 1e-12.

_CENTRE = (0.0, 0.0, 0.0)
_UPRIGHT = (0.0, 0.0, 0.0, 1.0)
_FAR = (0.0, 0.0, -1e4)
# Where no world has anything.


class Body:
    """A quadrotor and the PyBullet world that it is alone in until somebody adds obstacles to ``client``.

    Attributes are plain floats, all as of the end of the last step: ``x``, ``y``, ``z`` (m); the rotation matrix body
    to world ``xx`` ... ``zz``, row by row (``zx`` is the height of the nose, ``xz``, ``yz``, ``zz`` the body's up axis
    in the world); world velocity ``vx``, ``vy``, ``vz`` (m/s); angular velocity ``p``, ``q``, ``r`` about the body's x,
    y, z (rad/s); ``rotors`` (rad/s, four, in the order of ``MOTORS``). ``contacts`` holds the ids of the bodies that
    have pushed the drone since ``place``.
    """

    __slots__ = (
        "_gain", "_lever", "client", "contacts", "drone", "p", "parameters", "q", "r", "rotors", "vx", "vy", "vz", "x",
        "xx", "xy", "xz", "y", "yx", "yy", "yz", "z", "zx", "zy", "zz",
    )  # fmt: skip

    # Said here because PyBullet, which fills them, says nothing of types.
    x: float
    y: float
    z: float
    vx: float
    vy: float
    vz: float
    p: float
    q: float
    r: float
    xx: float
    yx: float
    zx: float
    xy: float
    yy: float
    zy: float
    xz: float
    yz: float
    zz: float

    def __init__(self, parameters: QuadrotorParameters) -> None:
        self.parameters = parameters
        self.client: int = pybullet.connect(pybullet.DIRECT)
        if self.client < 0:
            raise RuntimeError("PyBullet has no client left (1,024 in a process): close drones that are not needed")
        # Exact for a command that is held during the step, at any ratio of step to lag.
        self._gain = 1.0 - math.exp(-PHYSICS_PERIOD / parameters.motor_lag) if parameters.motor_lag > 0.0 else 1.0
        self._lever = parameters.arm / math.sqrt(2.0)
        self.contacts: set[int] = set()
        self.clear()

    def clear(self) -> None:
        """Empty the world of everything but the drone, which is put back to where it was at first.

        The one way to be rid of obstacles: ``removeBody`` never frees their collision shapes (1 MB for 100 trees).
        """
        pybullet.resetSimulation(physicsClientId=self.client)
        pybullet.setGravity(0.0, 0.0, -GRAVITY, physicsClientId=self.client)
        pybullet.setPhysicsEngineParameter(
            fixedTimeStep=PHYSICS_PERIOD, numSubSteps=0, deterministicOverlappingPairs=1, physicsClientId=self.client
        )
        self.drone: int = pybullet.loadURDF(
            str(URDF), _FAR, _UPRIGHT, flags=pybullet.URDF_USE_INERTIA_FROM_FILE, physicsClientId=self.client
        )
        pybullet.changeDynamics(self.drone, -1, linearDamping=0.0, angularDamping=0.0, physicsClientId=self.client)
        self.place((0.0, 0.0, 1.0), _UPRIGHT)

    def place(
        self,
        position: Sequence[float],
        quaternion: Sequence[float],
        velocity: Sequence[float] = _CENTRE,
        angular_velocity: Sequence[float] = _CENTRE,
        rotor_speed: float = 0.0,
    ) -> None:
        """Put the drone down; it forgets its past, contacts included. What else moves in its world takes a step.

        Args:
            position: (3,) m, world.
            quaternion: (4,) x, y, z, w, body to world.
            velocity: (3,) m/s, world.
            angular_velocity: (3,) rad/s, world.
            rotor_speed: of all four rotors, rad/s.
        """
        # One step far from everything first: contact points outlive a jump, and the next flight's bits would depend on
        # how the last one ended. (A new body each time is as clean, but takes 0.5 ms and leaks 3 kB.)
        client, drone = self.client, self.drone
        pybullet.resetBasePositionAndOrientation(drone, _FAR, _UPRIGHT, client)
        pybullet.stepSimulation(client)
        pybullet.resetBasePositionAndOrientation(drone, list(position), list(quaternion), client)
        pybullet.resetBaseVelocity(drone, list(velocity), list(angular_velocity), client)
        self.rotors = (rotor_speed,) * 4
        self.contacts = set()
        self._read()

    def step(
        self,
        wanted: tuple[float, float, float, float],
        wind: tuple[float, float, float] = (0.0, 0.0, 0.0),
        torque: tuple[float, float, float] = _CENTRE,
    ) -> None:
        """Move on by one physics step.

        Args:
            wanted: rotor speeds that the motors are told, rad/s, held during the step.
            wind: velocity of the air, m/s, world.
            torque: on top of what the rotors do, N m, about the body's axes.
        """
        m = self.parameters
        w1, w2, w3, w4 = self.rotors
        gain = self._gain
        w1 += gain * (wanted[0] - w1)
        w2 += gain * (wanted[1] - w2)
        w3 += gain * (wanted[2] - w3)
        w4 += gain * (wanted[3] - w4)
        self.rotors = (w1, w2, w3, w4)
        k = m.thrust_coefficient
        f1, f2, f3, f4 = k * w1 * w1, k * w2 * w2, k * w3 * w3, k * w4 * w4

        # Drag: rotor drag is one coefficient times the air's velocity, and a little more along the up axis.
        ax, ay, az = self.vx - wind[0], self.vy - wind[1], self.vz - wind[2]
        spin = w1 + w2 + w3 + w4
        flat = spin * m.rotor_drag_flat
        drag = flat + 0.5 * AIR_DENSITY * m.frame_drag_area * math.sqrt(ax * ax + ay * ay + az * az)
        bx, by, bz = self.xz, self.yz, self.zz
        up = f1 + f2 + f3 + f4 - (spin * m.rotor_drag_axial - flat) * (ax * bx + ay * by + az * bz)
        fx, fy, fz = up * bx - drag * ax, up * by - drag * ay, up * bz - drag * az

        # The sums over ``MOTORS``, written out.
        lever, client, drone = self._lever, self.client, self.drone
        twist = (
            lever * (f3 + f4 - f1 - f2) + torque[0],
            lever * (f2 + f3 - f1 - f4) + torque[1],
            m.torque_per_thrust * (f2 + f4 - f1 - f3) + torque[2],
        )
        # Forces act at a point of the world; at the centre of mass they turn nothing.
        pybullet.applyExternalForce(drone, -1, (fx, fy, fz), (self.x, self.y, self.z), pybullet.WORLD_FRAME, client)
        pybullet.applyExternalTorque(drone, -1, twist, pybullet.LINK_FRAME, client)
        free_x = self.vx + fx / MASS * PHYSICS_PERIOD
        free_y = self.vy + fy / MASS * PHYSICS_PERIOD
        free_z = self.vz + (fz / MASS - GRAVITY) * PHYSICS_PERIOD
        pybullet.stepSimulation(client)
        self._read()
        # Asking PyBullet for contacts at every step would cost as much as the step; a push shows in the velocity.
        if abs(self.vx - free_x) + abs(self.vy - free_y) + abs(self.vz - free_z) > _PUSHED:
            self._touch()

    def close(self) -> None:
        """Give the PyBullet world back. Closing twice is fine."""
        if self.client >= 0:
            pybullet.disconnect(self.client)
            self.client = -1

    def _read(self) -> None:
        (self.x, self.y, self.z), (x, y, z, w) = pybullet.getBasePositionAndOrientation(self.drone, self.client)
        (self.vx, self.vy, self.vz), (ox, oy, oz) = pybullet.getBaseVelocity(self.drone, self.client)
        x2, y2, z2 = x + x, y + y, z + z
        xx, yy, zz = x * x2, y * y2, z * z2
        xy, xz, yz = x * y2, x * z2, y * z2
        wx, wy, wz = w * x2, w * y2, w * z2
        self.xx = a = 1.0 - yy - zz
        self.xy = b = xy - wz
        self.xz = c = xz + wy
        self.yx = d = xy + wz
        self.yy = e = 1.0 - xx - zz
        self.yz = f = yz - wx
        self.zx = g = xz - wy
        self.zy = h = yz + wx
        self.zz = i = 1.0 - xx - yy
        self.p = a * ox + d * oy + g * oz
        self.q = b * ox + e * oy + h * oz
        self.r = c * ox + f * oy + i * oz

    def _touch(self) -> None:
        for point in pybullet.getContactPoints(self.drone, physicsClientId=self.client):
            # Points are listed a little before the touch. 8 is the distance (less 1 mm of margin), 9 the normal force.
            if point[8] <= 0.0 or point[9] > 0.0:
                self.contacts.add(point[2])
