"""The expert pilot, who knows where the target and the trees are (privileged ``info``), and pilots without any skill.

The expert is what networks learn to imitate, so its rules are such that a camera can follow them: it turns to the
target and flies slower the nearer it is, past what stands in the way on the side that is freer. A target that is out of
view it looks for on the side where it left the view; one that it has not seen yet to the LEFT, always: the shorter side
cannot be seen in a picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from policies.policy import Action, Info, Observation, Policy


@dataclass(frozen=True)
class PilotParameters:
    """How a pilot flies, and what it knows of its drone (envs/drone/control.py)."""

    speed_max: float = 2.5
    """m/s."""
    approach: float = 0.8
    """Speed per metre to where it stops, 1/s."""
    stop_at: float = 2.0
    """Metres from the target's middle."""
    retreat_max: float = 1.0
    """m/s backwards from a target that comes nearer than that."""
    turning: float = 1.6
    """Yaw rate per radian of bearing, 1/s."""
    climbing: float = 1.2
    """Climb per metre of height that is missing, 1/s; farther than `height_from` away less."""
    height_from: float = 8.0
    """m."""
    search_height: float = 1.5
    """m above the ground that is kept while the target is out of view: its height cannot be seen then, the ground
    can."""
    lowest: float = 0.8
    """m; nearer to the ground it climbs whatever else it wants. A network that learned from an expert without this sank
    slowly into the ground on long ways, which was most of its failures."""
    avoidance: float = 2.5
    """How many radians of detour a way that is not free at all is worth."""
    reach: float = 6.0
    """How far ahead a way is looked at, m."""
    view: float = math.radians(43.0)
    """A target farther than this from the nose, to either side, is looked for."""
    search_rate: float = 1.0
    """rad/s."""
    level_scale: float = 3.0
    """m/s of velocity action 1, ahead and left."""
    climb_scale: float = 1.5
    """m/s of velocity action 1, up."""
    yaw_scale: float = 2.0
    """rad/s of yaw action 1."""

    def speed(self, distance: float, bearing: float) -> float:
        """How fast to fly with the target at this distance (m) and bearing (rad), m/s; negative: away from it."""
        wanted = min(self.speed_max, max(-self.retreat_max, self.approach * (distance - self.stop_at)))
        return float(wanted * max(0.0, math.cos(bearing)) ** 1.5)


DIRECTIONS: npt.NDArray[np.float64] = np.radians(np.arange(-84.0, 85.0, 6.0))
"""Directions of ``free_ahead`` in info, rad from the nose, + left."""


class ExpertPilot(Policy):
    """Finds the target, flies to it past obstacles, and hovers; remembers on which side it saw the target last."""

    name = "pilot"
    privileged = True
    _avoids = True
    _remembers = True

    def __init__(self, parameters: PilotParameters | None = None) -> None:
        self.parameters = PilotParameters() if parameters is None else parameters
        self._sides: dict[int, float] = {}

    def reset(self, rows: Sequence[int] = (0,)) -> None:
        """Forget where the target was."""
        for row in rows:
            self._sides.pop(row, None)

    def act_rows(
        self,
        rows: Sequence[int],
        observations: Sequence[Observation],  # noqa: ARG002
        infos: Sequence[Info],
    ) -> Action:
        """Actions (len(rows), 4): ahead, left, up, yaw rate. The observations are not looked at."""
        actions = np.empty((len(rows), 4), dtype=np.float32)
        for index, (row, info) in enumerate(zip(rows, infos, strict=True)):
            bearing = float(info["bearing"])
            if self._remembers and abs(bearing) <= self.parameters.view:
                self._sides[row] = math.copysign(1.0, bearing)
            actions[index] = self.command(info, self._sides.get(row, 1.0))
        return np.clip(actions, -1.0, 1.0, out=actions)

    def command(self, info: Info, side: float = 1.0) -> tuple[float, float, float, float]:
        """Action (4,), not yet clipped, from one drone's truth; ``side`` to look for the target: 1 left, -1 right."""
        p = self.parameters
        bearing, distance = float(info["bearing"]), float(info["distance"])
        seen, height = abs(bearing) <= p.view, float(info["z"])
        lacking = info["target_z"] - height if seen else p.search_height - height
        climb = p.climbing * lacking * (min(1.0, p.height_from / max(distance, 1e-6)) if seen else 1.0)
        if height < p.lowest:
            climb = max(climb, p.climbing * (p.lowest - height))
        climb /= p.climb_scale
        if not seen:
            return 0.0, 0.0, climb, side * p.search_rate / p.yaw_scale
        speed = p.speed(distance, bearing) / p.level_scale
        way = self.way(info["free_ahead"], bearing, distance) if self._avoids and speed > 0.0 else bearing
        return speed * math.cos(way), speed * math.sin(way), climb, p.turning * bearing / p.yaw_scale

    def way(self, free: npt.NDArray[np.float64], bearing: float, distance: float) -> float:
        """The direction to fly to, rad from the nose: the cheapest by detour and by what stands in the way.

        Args:
            free: (29,) metres in `DIRECTIONS`.
            bearing: of the target, rad.
            distance: to it, m; what stands behind it does not matter.
        """
        p = self.parameters
        reach = max(0.1, min(p.reach, distance))
        blocked = 1.0 - np.minimum(free, reach) / reach
        if not blocked[np.abs(DIRECTIONS - bearing) < math.radians(6.0)].any():
            return bearing
        cost = np.abs(DIRECTIONS - bearing) + p.avoidance * blocked
        # Ties go to the left, so that the same picture always means the same.
        return float(DIRECTIONS[len(cost) - 1 - int(np.argmin(cost[::-1]))])


class StraightPilot(ExpertPilot):
    """Flies straight at the target as the expert would if nothing were in the way: what needs no avoidance."""

    name = "straight"
    _avoids = False


class ForgetfulPilot(ExpertPilot):
    """The expert without memory: looks for the target to the left, wherever it was. What needs no memory."""

    name = "forgetful"
    _remembers = False


class HoverPilot(Policy):
    """Stays where it is: what needs no flight at all."""

    name = "hover"

    def reset(self, rows: Sequence[int] = (0,)) -> None:
        """Nothing to forget."""

    def act_rows(
        self,
        rows: Sequence[int],
        observations: Sequence[Observation],  # noqa: ARG002
        infos: Sequence[Info],  # noqa: ARG002
    ) -> Action:
        """Zeros (len(rows), 4)."""
        return np.zeros((len(rows), 4), dtype=np.float32)
