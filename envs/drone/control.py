"""From a velocity and yaw-rate command to four rotor speeds: what a flight controller does on board.

A cascade, after D. Mellinger and V. Kumar, "Minimum snap trajectory generation and control for quadrotors", ICRA 2011,
and T. Lee, M. Leok and N. H. McClamroch, "Geometric tracking control of a quadrotor UAV on SE(3)", CDC 2010:

1. set-points: the command, slewed, in the heading frame (x ahead, y left, both level; z up), which turns with the
   drone; and behind them what the drone can have made of them by now, for the feedback to compare with;
2. velocity PI with feed-forward of the set-point's acceleration, of the turn (centripetal) and of drag in still air
   -> wanted thrust vector, 80 Hz;
3. attitude PD on the thrust direction (reduced attitude: D. Brescianini and R. D'Andrea, "Tilt-prioritized
   quadrocopter attitude control", 2018) and on the yaw rate -> torques, 240 Hz; unlike an error on all of SO(3) it
   never trades tilt, which keeps the drone in the air, against heading;
4. mixer: tilt first, thrust second, yaw last where the motors cannot give all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from envs.drone.body import Body
from envs.drone.parameters import AIR_DENSITY, GRAVITY, INERTIA, MASS, PHYSICS_PERIOD, QuadrotorParameters

GUIDANCE_STEPS = 3
"""Physics steps between two runs of the velocity loop."""

_GUIDANCE_PERIOD = GUIDANCE_STEPS * PHYSICS_PERIOD


@dataclass(frozen=True)
class ControlParameters:
    """Full scale of the commands, limits and gains."""

    ahead_max: float = 3.0
    """vx at command 1, m/s."""
    side_max: float = 3.0
    """vy at command 1, m/s."""
    climb_max: float = 1.5
    """vz at command 1, m/s."""
    yaw_rate_max: float = 2.0
    """Yaw rate at command 1, rad/s."""
    slew: float = 2.5
    """Fastest change of the level velocity set-point, m/s^2. Gentle, because a leaning camera loses its target."""
    climb_slew: float = 2.5
    """The same upwards, m/s^2."""
    yaw_slew: float = 10.0
    """Fastest change of the yaw-rate set-point, rad/s^2."""
    velocity_gain: float = 2.2
    """Level, 1/s."""
    velocity_integral: float = 1.2
    """Level, 1/s^2; it takes up the wind."""
    climb_gain: float = 4.0
    """1/s."""
    climb_integral: float = 2.0
    """1/s^2."""
    lean_time: float = 0.22
    """How long the drone takes to lean, s. Feedback compares with set-points that are later by this: an error that only
    means that the drone cannot lean at once would be "corrected", and the velocity overshoots by a tenth."""
    thrust_time: float = 0.06
    """The same for thrust and for yaw torque, s: the motors' lag and a little for the sampling."""
    tilt_gain: float = 75.0
    """1/s^2."""
    tilt_damping: float = 14.0
    """1/s."""
    heading_gain: float = 2.0
    """Yaw rate per radian of heading error, 1/s."""
    yaw_gain: float = 12.0
    """1/s."""
    up_max: float = 8.0
    """Largest vertical acceleration asked for, either way, m/s^2."""


class Controller:
    """The controller of one drone; `reset`, then per control step `command`, and `guide` and `stabilise` in between."""

    __slots__ = (
        "_aim_x", "_aim_y", "_aim_z", "_climb_wanted", "_drag_frame", "_drag_rotor", "_floor", "_front_wanted",
        "_heading", "_hold_x", "_hold_y", "_hold_z", "_late_ahead", "_late_climb", "_late_left", "_late_yaw",
        "_lean_share", "_left_wanted", "_mid_ahead", "_mid_left", "_roof", "_slope", "_spot_ahead", "_spot_climb",
        "_spot_left", "_spot_yaw", "_thrust", "_thrust_share", "_turn", "_turn_change", "_yaw_wanted", "parameters",
        "quadrotor",
    )  # fmt: skip

    def __init__(self, parameters: ControlParameters, quadrotor: QuadrotorParameters) -> None:
        self.parameters = parameters
        self.quadrotor = quadrotor
        self._drag_rotor = 4.0 * quadrotor.hover_rotor_speed * quadrotor.rotor_drag_flat / MASS
        self._drag_frame = 0.5 * AIR_DENSITY * quadrotor.frame_drag_area / MASS
        # Two lags in a row of half the time each; exact for a set-point that is held during the step.
        self._lean_share = 1.0 - math.exp(-2.0 * _GUIDANCE_PERIOD / parameters.lean_time)
        self._thrust_share = 1.0 - math.exp(-_GUIDANCE_PERIOD / parameters.thrust_time)
        self._slope = math.tan(quadrotor.max_tilt)
        self._roof = quadrotor.thrust_to_weight * MASS * GRAVITY / 4.0
        self._floor = 0.02 * self._roof  # a rotor that stands still is slow to come back

    def reset(self, body: Body, wind: tuple[float, float] = (0.0, 0.0)) -> None:
        """Start from the body's motion as it is: the set-points are its velocity and yaw rate, and slew from there.

        ``wind`` is the mean wind, (x, y) m/s: the drone was in the air before, so its integrals know it already.
        """
        self._heading = math.atan2(body.yx, body.xx)
        cosine, sine = math.cos(self._heading), math.sin(self._heading)
        self._spot_ahead = cosine * body.vx + sine * body.vy
        self._spot_left = cosine * body.vy - sine * body.vx
        self._spot_climb = body.vz
        self._spot_yaw = body.r
        self._mid_ahead = self._late_ahead = self._spot_ahead
        self._mid_left = self._late_left = self._spot_left
        self._late_climb, self._late_yaw = self._spot_climb, self._spot_yaw
        known = self._drag_rotor + self._drag_frame * math.hypot(*wind)
        self._hold_x, self._hold_y, self._hold_z = -known * wind[0], -known * wind[1], 0.0
        self._front_wanted = self._left_wanted = self._climb_wanted = self._yaw_wanted = 0.0
        self._turn, self._turn_change = body.r, 0.0
        self._aim_x, self._aim_y, self._aim_z, self._thrust = body.xz, body.yz, body.zz, MASS * GRAVITY

    def command(self, ahead: float, left: float, climb: float, yaw_rate: float) -> None:
        """Take a new command, each in [-1, 1] of full scale, until the next one."""
        c = self.parameters
        self._front_wanted = ahead * c.ahead_max
        self._left_wanted = left * c.side_max
        self._climb_wanted = climb * c.climb_max
        self._yaw_wanted = yaw_rate * c.yaw_rate_max

    def guide(self, body: Body) -> None:
        """The velocity loop, every `GUIDANCE_STEPS` physics steps: set-points, thrust vector, yaw rate."""
        c = self.parameters
        dt = _GUIDANCE_PERIOD

        # Set-points. The level one slews along a straight line, so that a diagonal command is flown diagonally.
        da, dl = self._front_wanted - self._spot_ahead, self._left_wanted - self._spot_left
        way = math.sqrt(da * da + dl * dl)
        most = c.slew * dt
        if way > most:
            da, dl = da * most / way, dl * most / way
        self._spot_ahead = ahead = self._spot_ahead + da
        self._spot_left = left = self._spot_left + dl
        most = c.climb_slew * dt
        dz = self._climb_wanted - self._spot_climb
        dz = most if dz > most else -most if dz < -most else dz
        self._spot_climb = climb = self._spot_climb + dz
        most = c.yaw_slew * dt
        dyaw = self._yaw_wanted - self._spot_yaw
        dyaw = most if dyaw > most else -most if dyaw < -most else dyaw
        self._spot_yaw = spot_yaw = self._spot_yaw + dyaw

        # What the drone can have made of them by now.
        share = self._lean_share
        self._mid_ahead = mid = self._mid_ahead + share * (ahead - self._mid_ahead)
        self._late_ahead = ahead = self._late_ahead + share * (mid - self._late_ahead)
        self._mid_left = mid = self._mid_left + share * (left - self._mid_left)
        self._late_left = left = self._late_left + share * (mid - self._late_left)
        share = self._thrust_share
        self._late_climb = climb = self._late_climb + share * (climb - self._late_climb)
        self._late_yaw = late_yaw = self._late_yaw + share * (spot_yaw - self._late_yaw)

        # Heading: the integral of the yaw-rate set-point; never more than 0.5 rad from the nose, so that a drone that
        # was turned by something else does not spin back at once.
        heading = math.atan2(body.yx, body.xx)
        lag = math.remainder(self._heading + late_yaw * dt - heading, math.tau)
        lag = 0.5 if lag > 0.5 else -0.5 if lag < -0.5 else lag
        self._heading = heading + lag
        self._turn = late_yaw + c.heading_gain * lag
        self._turn_change = dyaw / dt

        # Wanted acceleration, m/s^2. The set-point turns with the heading, which costs spot_yaw x velocity; drag is
        # that of still air at the set-point, and the integral learns the wind.
        resist = self._drag_rotor + self._drag_frame * math.sqrt(ahead * ahead + left * left)
        front = da / dt - spot_yaw * left + resist * ahead
        side = dl / dt + spot_yaw * ahead + resist * left
        cosine, sine = math.cos(heading), math.sin(heading)
        ex = cosine * ahead - sine * left - body.vx
        ey = sine * ahead + cosine * left - body.vy
        ez = climb - body.vz
        hx = self._hold_x + c.velocity_integral * dt * ex
        hy = self._hold_y + c.velocity_integral * dt * ey
        hz = self._hold_z + c.climb_integral * dt * ez
        x = cosine * front - sine * side + c.velocity_gain * ex + hx
        y = sine * front + cosine * side + c.velocity_gain * ey + hy
        z = dz / dt + self._drag_rotor * climb + c.climb_gain * ez + hz

        # Limits; an integral only moves while its axis is not at its limit.
        if -c.up_max < z < c.up_max:
            self._hold_z = hz
        else:
            z = c.up_max if z > 0.0 else -c.up_max
        z += GRAVITY
        most = self._slope * z
        level = math.sqrt(x * x + y * y)
        if level > most:
            x, y = x * most / level, y * most / level
        else:
            self._hold_x, self._hold_y = hx, hy

        size = math.sqrt(x * x + y * y + z * z)
        self._aim_x, self._aim_y, self._aim_z = x / size, y / size, z / size
        # The thrust vector's part along the axis that the rotors have now (Lee, Leok and McClamroch, equation 12).
        thrust = MASS * (x * body.xz + y * body.yz + z * body.zz)
        self._thrust = thrust if thrust > 0.0 else 0.0

    def stabilise(self, body: Body) -> tuple[float, float, float, float]:
        """The attitude loop and the mixer, every physics step: the wanted rotor speeds, rad/s, in `MOTORS`' order."""
        c, m = self.parameters, self.quadrotor

        # The turn that takes the up axis to its aim, in the world, then about the body's axes. Its length is the sine
        # of the angle; beyond a right angle the sine shrinks again, so there it is stretched to 1.
        bx, by, bz = body.xz, body.yz, body.zz
        ax, ay, az = self._aim_x, self._aim_y, self._aim_z
        tx, ty, tz = by * az - bz * ay, bz * ax - bx * az, bx * ay - by * ax
        roll = body.xx * tx + body.yx * ty + body.zx * tz
        pitch = body.xy * tx + body.yy * ty + body.zy * tz
        if bx * ax + by * ay + bz * az < 0.0:
            size = math.sqrt(roll * roll + pitch * pitch)
            if size > 1e-9:
                roll, pitch = roll / size, pitch / size
            else:
                roll, pitch = 1.0, 0.0  # exactly upside down: any side will do
        # The aim turns with the heading, about the world's up axis: so must the drone.
        turn = self._turn
        jx, jy, jz = INERTIA
        roll = jx * (c.tilt_gain * roll + c.tilt_damping * (body.zx * turn - body.p))
        pitch = jy * (c.tilt_gain * pitch + c.tilt_damping * (body.zy * turn - body.q))
        yaw = jz * (self._turn_change + c.yaw_gain * (body.zz * turn - body.r))

        # Per motor: a quarter of the thrust, and what turns. Signs as in MOTORS, reaction torques reversed.
        quarter = 0.25 * self._thrust
        lever = 0.25 * math.sqrt(2.0) / m.arm
        roll, pitch, yaw = roll * lever, pitch * lever, 0.25 * yaw / m.torque_per_thrust
        t1, t2, t3, t4 = -roll - pitch, pitch - roll, roll + pitch, roll - pitch
        f1, f2, f3, f4 = quarter + t1 - yaw, quarter + t2 + yaw, quarter + t3 - yaw, quarter + t4 + yaw
        floor, roof = self._floor, self._roof
        if min(f1, f2, f3, f4) < floor or max(f1, f2, f3, f4) > roof:
            f1, f2, f3, f4 = mix(quarter, (t1, t2, t3, t4), yaw, floor, roof)
        k = m.thrust_coefficient
        return math.sqrt(f1 / k), math.sqrt(f2 / k), math.sqrt(f3 / k), math.sqrt(f4 / k)


def mix(
    quarter: float, tilt: tuple[float, float, float, float], yaw: float, floor: float, roof: float
) -> tuple[float, float, float, float]:
    """Thrusts of the motors within [floor, roof], N, when the wish does not fit.

    Args:
        quarter: wanted thrust of each motor, N.
        tilt: what roll and pitch add to each, N; sums to 0. Kept, if need be at the cost of thrust; only where the span
            between two motors is more than a motor can do it is scaled down as a whole.
        yaw: what yaw takes from motors 1 and 3 and adds to 2 and 4, N. Gets what is left, as neither tilt nor thrust
            may suffer for it.
        floor: least thrust of a motor, N.
        roof: greatest thrust of a motor, N.
    """
    low, high = min(tilt), max(tilt)
    if high - low > roof - floor:
        scale = (roof - floor) / (high - low)
        tilt = (tilt[0] * scale, tilt[1] * scale, tilt[2] * scale, tilt[3] * scale)
        low, high = low * scale, high * scale
    quarter = max(floor - low, min(roof - high, quarter))
    a, b, c, d = (quarter + part for part in tilt)
    # Rounding may have left a hair outside.
    fall = max(0.0, min(a - floor, c - floor, roof - b, roof - d))
    rise = max(0.0, min(b - floor, d - floor, roof - a, roof - c))
    yaw = fall if yaw > fall else -rise if yaw < -rise else yaw
    f = (a - yaw, b + yaw, c - yaw, d + yaw)
    return (
        max(floor, min(roof, f[0])),
        max(floor, min(roof, f[1])),
        max(floor, min(roof, f[2])),
        max(floor, min(roof, f[3])),
    )
