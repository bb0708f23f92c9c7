"""What the quadrotor is made of: motors, rotors and drag. Mass and inertia are in ``quadrotor.urdf`` alone.

Sources:

* J. Panerati, H. Zheng, S. Zhou, J. Xu, A. Prorok and A. P. Schoellig, "Learning to fly: a Gym environment with
  PyBullet physics for reinforcement learning of multi-agent quadcopter control", IROS 2021, arXiv:2103.02142: arm,
  rotor coefficients, thrust-to-weight ratio of the Crazyflie 2.x;
* J. Foerster, "System identification of the Crazyflie 2.0 nano quadrocopter", bachelor's thesis, ETH Zuerich, 2015:
  drag in proportion to rotor speed and air speed.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

URDF = Path(__file__).with_name("quadrotor.urdf")
"""The drone's body for PyBullet."""

GRAVITY = 9.81
"""Acceleration of gravity, m/s^2."""

AIR_DENSITY = 1.2
"""kg/m^3."""

PHYSICS_PERIOD = 1.0 / 240.0
"""Seconds of a physics step."""

PHYSICS_STEPS = 12
"""Physics steps in a control step."""

CONTROL_PERIOD = PHYSICS_STEPS * PHYSICS_PERIOD
"""Seconds of a control step: commands come at 20 Hz."""

_RPM = 2.0 * math.pi / 60.0


def _inertial(path: Path) -> tuple[float, tuple[float, float, float]]:
    element = ElementTree.parse(path).getroot().find("link/inertial")
    if element is None:
        raise ValueError(f"{path} has no link/inertial")
    values = {key: float(value) for part in element for key, value in part.attrib.items() if key not in ("xyz", "rpy")}
    return values["value"], (values["ixx"], values["iyy"], values["izz"])


MASS, INERTIA = _inertial(URDF)
"""kg, and kg m^2 about the body's axes x, y, z: read from the URDF, so that controller and physics cannot disagree."""


@dataclass(frozen=True)
class QuadrotorParameters:
    """Motors, rotors and drag. The defaults are a Crazyflie 2.x; where we had to guess, the field says so."""

    arm: float = 0.0397
    """Centre to motor, m; the motors stand on the diagonals."""
    thrust_coefficient: float = 3.16e-10 / _RPM**2
    """Thrust of a rotor per square of its speed, N/(rad/s)^2."""
    torque_per_thrust: float = 7.94e-12 / 3.16e-10
    """Reaction torque of a rotor per newton of its thrust, m."""
    thrust_to_weight: float = 2.25
    """Greatest thrust of all motors together, in weights."""
    motor_lag: float = 0.04
    """Time constant of a rotor's speed, s. A guess: published values for motors of this size go from 0.02 to 0.08."""
    rotor_drag_flat: float = 9.1785e-7
    """Drag across the rotors' axes per (sum of rotor speeds x air speed), N/(rad/s)/(m/s)."""
    rotor_drag_axial: float = 1.0311e-6
    """The same along the rotors' axes."""
    frame_drag_area: float = 0.0025
    """Drag coefficient times area of the body, the same from all sides, m^2. A guess, about the body's silhouette; it
    outweighs rotor drag above 4 m/s of air speed. Without it the drone would hold against a storm."""
    max_tilt: float = math.radians(30.0)
    """How far the controller leans the drone, rad."""

    @property
    def hover_rotor_speed(self) -> float:
        """Rotor speed at which the thrust is the weight, rad/s."""
        return math.sqrt(MASS * GRAVITY / 4.0 / self.thrust_coefficient)

    @property
    def max_rotor_speed(self) -> float:
        """rad/s."""
        return self.hover_rotor_speed * math.sqrt(self.thrust_to_weight)

    @property
    def max_wind(self) -> float:
        """The steady wind, m/s, that drag at ``max_tilt`` and constant height just balances.

        Level force balance of the leant drone: ``a v^2 + b v = m g tan(tilt)``, with rotor drag ``b`` at the rotor
        speeds that carry the weight at this tilt, taken across the rotors' axes (axial drag differs by a tenth).
        """
        a = 0.5 * AIR_DENSITY * self.frame_drag_area
        b = self.rotor_drag_flat * 4.0 * self.hover_rotor_speed / math.sqrt(math.cos(self.max_tilt))
        pull = MASS * GRAVITY * math.tan(self.max_tilt)
        if a == 0.0:
            return pull / b if b > 0.0 else math.inf
        return (math.sqrt(b * b + 4.0 * a * pull) - b) / (2.0 * a)


MOTORS: tuple[tuple[int, int, int], ...] = ((1, -1, 1), (-1, -1, -1), (-1, 1, 1), (1, 1, -1))
"""Per motor the signs of its x and y, and which way its rotor turns seen from above (+1 counter-clockwise), as on the
Crazyflie: front right, back right, back left, front left. The body feels the reaction torque, of the other sign."""
