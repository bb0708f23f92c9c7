"""The height of a road: constant grades joined by parabolas, which is what road builders do (C1, cubic records)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scenarios.maps.curve import Piece, Pose
from scenarios.maps.draw import Draw, Range


@dataclass(frozen=True)
class Hills:
    """A rule to draw heights by."""

    grade: Range = (0.0, 0.02)
    """Bounds of the magnitude of the grades, as a fraction (0.08 is 8 %)."""
    constant: Range = (40.0, 150.0)
    """Length in m of a constant grade."""
    radius: Range = (900.0, 2500.0)
    """Radius in m of the vertical curves; 700 m is 0.32 m/s2 at 15 m/s (AASHTO's comfort limit is 0.3 in sags)."""
    highest: float = 25.0
    """m above or below the beginning where the road turns back."""
    climb: float = 0.35
    """Probability that a climb goes on climbing after an easier grade."""


@dataclass(frozen=True)
class Height:
    """z = a + b ds + c ds^2 from ``s`` on (m; OpenDRIVE's elevation record, whose cubic term is never needed)."""

    s: float
    a: float
    b: float
    c: float


FLAT = (Height(0.0, 0.0, 0.0, 0.0),)
"""No hills."""


def draw_profile(draw: Draw, rule: Hills, length: float) -> tuple[Height, ...]:
    """Heights of a road of ``length`` m that begins level."""
    records: list[Height] = []
    s = z = grade = 0.0
    while s < length:
        constant = draw.uniform(rule.constant)
        records.append(Height(round(s, 2), z, grade, 0.0))
        s, z = s + constant, z + grade * constant
        steep = draw.uniform(rule.grade, 3)
        side = -1 if grade > 0 else 1
        if grade == 0.0:
            side = draw.sign()
        elif draw.chance(rule.climb):
            side = -side
        if abs(z) > rule.highest:
            side = -1 if z > 0 else 1
        new = side * steep
        if new == grade:
            continue
        vertical = round(max(20.0, abs(new - grade) * draw.uniform(rule.radius, 0)), 2)
        bend = (new - grade) / (2.0 * vertical)
        records.append(Height(round(s, 2), z, grade, bend))
        s, z = s + vertical, z + (grade + bend * vertical) * vertical
        grade = new
    return tuple(record for record in records if record.s < length - 1.0)


def height_at(profile: tuple[Height, ...], s: np.ndarray) -> np.ndarray:
    """z in m at each s."""
    index = np.searchsorted([record.s for record in profile], s, side="right") - 1
    rows = np.array([(record.s, record.a, record.b, record.c) for record in profile])[index]
    ds = s - rows[:, 0]
    result: np.ndarray = rows[:, 1] + (rows[:, 2] + rows[:, 3] * ds) * ds
    return result


def terrain_is_natural(pieces: list[Piece], start: Pose, profile: tuple[Height, ...], steepest: float = 0.3) -> bool:
    """Whether the ground between neighbouring parts of the road could be a slope rather than a cliff."""
    points = []
    s = 0.0
    for piece in pieces:
        for distance, pose in piece.walk(start):
            points.append((pose.x, pose.y, s + distance))
            start = pose
        s += piece.length
    x, y, along = np.array(points)[::3].T
    z = height_at(profile, along)
    apart = np.square(x[:, None] - x) + np.square(y[:, None] - y)
    steep = np.square(z[:, None] - z) > steepest**2 * apart
    return not bool(np.any(steep & (apart < 150.0**2)))
