"""The way of a road in the plane: bends drawn by rules, joined by clothoids, never near an earlier part of itself."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from scenarios.errors import MapError
from scenarios.maps.curve import Piece, Pose, follow, line, total
from scenarios.maps.draw import Draw, Range

CLEARANCE = 45.0
"""m; parts of the road that are more than 100 m apart along it keep this distance, so that each has its own verge."""
_RATIO = 0.42
"""Nearer parts: distance over distance along the road. A half circle with its legs has 0.5 at 100 m, a kink less."""
_TRIES = 14
_RESTARTS = 60
_SHORTEST_ARC = 6.0
_LAST_STRAIGHT = 50.0
_MOST_UNWINDING = 0.8
"""rad; by how much the road's last clothoid may still turn."""


@dataclass(frozen=True)
class Bends:
    """A rule to draw the next stretch by. Radii are of the driven lane's centre in metres, angles in degrees."""

    radius: Range
    angle: Range
    transition: Range
    """Length in m of the clothoid between a straight and the arc."""
    straight_share: float = 0.25
    """How many of the stretches are straights."""
    straight: Range = (20.0, 120.0)
    alternate: float = 0.6
    """Probability that a bend turns the other way than the one before."""
    tightest: float = 0.0
    """Probability that a bend has the lower bound of ``radius`` exactly."""


@dataclass
class Crowd:
    """The points of a road so far: (x, y, s along the main road, t along a side road)."""

    points: list[tuple[float, float, float, float]] = field(default_factory=list)

    def clashes(self, new: list[tuple[float, float, float, float]]) -> bool:
        """Whether a new point comes too near an old one; neighbours along the road may be near."""
        if not self.points or not new:
            return False
        old, fresh = np.array(self.points), np.array(new)
        apart = np.square(old[:, None, 0] - fresh[None, :, 0]) + np.square(old[:, None, 1] - fresh[None, :, 1])
        along = np.abs(old[:, None, 2] - fresh[None, :, 2]) + old[:, None, 3] + fresh[None, :, 3]
        # Two points of one side road are compared by its own length, not by the sum of both.
        same = (old[:, None, 2] == fresh[None, :, 2]) & (old[:, None, 3] > 0) & (fresh[None, :, 3] > 0)
        along = np.where(same, np.abs(old[:, None, 3] - fresh[None, :, 3]), along)
        return bool(np.any(apart < np.square(np.minimum(_RATIO * along, CLEARANCE))))


def points_of(
    pieces: list[Piece], start: Pose, s: float, t: float | None = None
) -> list[tuple[float, float, float, float]]:
    """Crowd points of a chain: of the main road from its ``s``, or of a side road at ``s`` from its ``t``."""
    points = []
    gone = 0.0
    for piece in pieces:
        for distance, pose in piece.walk(start):
            here = gone + distance
            points.append((pose.x, pose.y, s + here, 0.0) if t is None else (pose.x, pose.y, s, t + here))
            start = pose
        gone += piece.length
    return points


@dataclass(frozen=True)
class _Stretch:
    """One drawn straight or bend: the clothoid into it and the arc, and where they begin."""

    pieces: tuple[Piece, ...]
    start: Pose
    points: int
    """How many crowd points there were before it."""


class Wanderer:
    """Draws a road stretch by stretch and takes stretches back when the road has run into a corner."""

    def __init__(
        self, draw: Draw, rules: tuple[Bends, ...], inside: float, swing: float, least_radius: float = 0.0
    ) -> None:
        """``inside``: m from the reference line to the driven lane's centre; ``swing``: degrees that the heading may
        leave the first one, which is what keeps most roads from running into themselves; ``least_radius``: of the
        reference line in m, so that the inner border of a wide section still is a line that goes forward."""
        self._draw = draw
        self._rules = rules
        self._inside = inside
        self._swing = math.radians(swing)
        self._least_radius = least_radius

    def road(self, start: Pose, length: float) -> list[Piece]:
        """Pieces of exactly ``length`` m that begin and end straight. Raises MapError when no try succeeds."""
        for _ in range(_RESTARTS):
            pieces = self._attempt(start, length)
            if pieces is not None:
                return pieces
        raise MapError("generator", f"no road of {length:.0f} m without coming near itself; take another seed")

    def _attempt(self, start: Pose, length: float) -> list[Piece] | None:
        first = line(self._draw.uniform((25.0, 50.0)))
        crowd = Crowd(points_of([first], start, 0.0))
        pieces, pose = [first], first.last(start)
        done: list[_Stretch] = []
        setbacks = 0
        while True:
            rest = length - total(pieces) - _LAST_STRAIGHT
            fitting, too_long = None, 0
            for _ in range(_TRIES):
                drawn = self._stretch(pieces[-1], pose, start.heading, len(done))
                if total(drawn) > rest:
                    too_long += 1
                elif not crowd.clashes(points := points_of(drawn, pose, total(pieces))):
                    fitting = drawn
                    break
            if too_long == _TRIES:
                return self._close(pieces, pose, length, crowd)
            if fitting is None:
                setbacks += 1
                if setbacks > 12 or len(done) < 4:
                    return None
                for stretch in done[-4:]:
                    del pieces[-len(stretch.pieces) :]
                pose, before = done[-4].start, done[-4].points
                del done[-4:], crowd.points[before:]
                continue
            done.append(_Stretch(tuple(fitting), pose, len(crowd.points)))
            pieces += fitting
            crowd.points += points
            pose = follow(fitting, pose)

    def _close(self, pieces: list[Piece], pose: Pose, length: float, crowd: Crowd) -> list[Piece] | None:
        """Unwind and run straight to the very length; None when that comes near an earlier part."""
        rest, tail = round(length - total(pieces), 3), []
        if pieces[-1].end != 0.0:
            # Gently, but a clothoid that begins at a corner of a few metres must not turn for ever.
            gentle = max(20.0, 900.0 * abs(pieces[-1].end))
            unwind = round(min(rest / 2, gentle, _MOST_UNWINDING * 2.0 / abs(pieces[-1].end)), 2)
            tail.append(Piece(unwind, pieces[-1].end, 0.0))
            rest = round(rest - unwind, 3)
        tail.append(line(rest))
        return None if crowd.clashes(points_of(tail, pose, total(pieces))) else pieces + tail

    def _stretch(self, last: Piece, pose: Pose, goal: float, index: int) -> list[Piece]:
        draw, rule = self._draw, self._rules[index % len(self._rules)]
        curvature = last.end
        if curvature != 0.0 and draw.chance(rule.straight_share):
            return [
                Piece(self._transition(rule, curvature, 0.0), curvature, 0.0),
                line(draw.uniform(rule.straight)),
            ]
        radius = rule.radius[0] if draw.chance(rule.tightest) else draw.log_uniform(rule.radius)
        radius = max(round(radius + self._inside, 2), round(self._least_radius, 2))
        angle = math.radians(draw.uniform(rule.angle))
        side = -1 if curvature > 0 else 1
        if curvature == 0.0 or not draw.chance(rule.alternate):
            side = -side if curvature != 0.0 else draw.sign()
        # The heading that the road would have if it unwound from here.
        deviation = pose.heading + 0.5 * curvature * rule.transition[0] - goal
        if abs(deviation + side * angle) > self._swing:
            side = -1 if deviation > 0 else 1
            angle = min(angle, self._swing + abs(deviation))
        new = side / radius
        transition = self._transition(rule, curvature, new)
        arc = round(max(_SHORTEST_ARC, angle * radius - 0.5 * transition - 0.5 * rule.transition[0]), 2)
        return [Piece(transition, curvature, new), Piece(arc, new, new)]

    def _transition(self, rule: Bends, before: float, after: float) -> float:
        """Length of the clothoid: an S turns through twice the curvature of one bend and takes twice as long."""
        share = abs(after - before) / max(abs(after), abs(before))
        return round(max(0.5 * rule.transition[0], share * self._draw.uniform(rule.transition)), 2)
