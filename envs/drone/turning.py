"""A drone that is turned away from its target in flight, and whether it then turned back on the right side."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from envs.drone.control import ControlParameters
from envs.drone.course import within
from envs.drone.parameters import CONTROL_PERIOD
from liquid_pilot.randomness import generator

if TYPE_CHECKING:
    from scenarios.flight import TurnedAway

_RATE = ControlParameters().yaw_rate_max
_PUSH, _SWAY = 1.0 / ControlParameters().side_max, 0.2 / _RATE
# Of full scale: up to 1 m/s, and 0.2 rad/s. A drone that was turned goes on sliding at 0.1 m/s and turning at 0.015
# rad/s, and in a simulator the signs of these tell the side without fail; against these draws they are worth 5 % of
# right answers.


class Turning:
    """What happens to the controls of one episode; a function of the seed and the frame alone, so that recorded actions
    fly the same flight again.

    Args:
        spec: when, how far, and how long it rests.
        view: half the camera's horizontal field of view, rad.
        seed: of the draws; the side is one of them, so that no manner of flying can choose it.

    Attributes:
        first: the frame whose action is the first that nobody listens to.
        free: the frame whose action is listened to again.
        yaw: yaw command in between, 1 = full scale to the left.
    """

    def __init__(self, spec: TurnedAway, view: float, seed: int) -> None:
        begin, angle, rest, side, *drift = generator(seed, "turned-away").random(7).tolist()
        radians = math.radians(within(spec.angle_deg, angle))
        frames = math.ceil(radians / (_RATE * CONTROL_PERIOD))
        self.first = round(within(spec.from_s, begin) / CONTROL_PERIOD)
        self._rest = self.first + frames
        self.free = self._rest + math.ceil(within(spec.rest_s, rest) / CONTROL_PERIOD - 1e-9)
        self.yaw = math.copysign(radians / (frames * CONTROL_PERIOD * _RATE), side - 0.5)
        ahead, left, sway = (2.0 * share - 1.0 for share in drift)
        self._ahead, self._left, self._sway = _PUSH * ahead, _PUSH * left, _SWAY * sway
        self._view = view
        self._around = 0.0
        self._watching = True

    def command(self, frame: int) -> tuple[float, float, float, float] | None:
        """What is flown in this frame instead of the pilot's action (4,); None: the action."""
        if not self.first <= frame < self.free:
            return None
        return self._ahead, self._left, 0.0, self.yaw if frame < self._rest else self._sway

    def lost(self, frame: int, bearing: float) -> bool:
        """Whether the target has crossed the drone's tail before it was in the picture again; once a frame.

        Args:
            frame: now.
            bearing: of the target, rad in [-pi, pi] from the nose.
        """
        if not self._watching or frame < self.first:
            return False
        if frame == self.first:
            self._around = bearing
        # Counted on without a jump at the tail.
        self._around += math.remainder(bearing - self._around, math.tau)
        if frame < self.free:
            return False
        self._watching = abs(self._around) > self._view
        return abs(self._around) > math.pi
