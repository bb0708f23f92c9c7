"""Houses along the roads, their fronts to the road."""

from __future__ import annotations

import numpy as np

from envs.driving.site import Site, Taken
from envs.render.noise import smoothstep
from envs.render.props import footprint
from envs.render.scene import Instance
from envs.road.geometry import Array
from liquid_pilot.randomness import generator

_STEEPEST = 2.2
"""Metres of height between the corners of a house that is still built."""
_MARGIN = 1.5
"""Metres that stay free around a house."""


def houses(site: Site, taken: Taken) -> list[Instance]:
    """The buildings of the theme; their ground is marked as ``taken``."""
    plan = site.theme.buildings
    found: list[Instance] = []
    if plan is None:
        return found
    rng = generator(site.seed, "houses")
    for line in site.kerblines:
        here = rng.uniform(0.2, 1.0) * plan.spacing
        # Hamlets come and go along the road, on both sides at once.
        phase = generator(site.seed, "hamlets").uniform(0.0, 6.283)
        while here < line.length - 5.0:
            wave = 0.5 + 0.5 * np.sin(6.283 * here / plan.hamlet + phase) if plan.hamlet else 1.0
            kind = plan.kinds[int(rng.integers(len(plan.kinds)))]
            luck, back = rng.random(), rng.uniform(*plan.setback)
            tint = plan.tints[int(rng.integers(len(plan.tints)))]
            turn, variant = rng.normal(0.0, 0.06), int(rng.integers(0, 64))
            gap = plan.spacing * rng.uniform(0.75, 1.35)
            if luck < plan.share * float(smoothstep(0.25, 0.6, np.array(wave))):
                circles = np.array(footprint(kind))
                depth = float((np.abs(circles[:, 0]) + circles[:, 2]).max())
                at = line.at(np.array([line.s[0] + here]))
                offset = back + depth
                x, y = float(at.x[0] + offset * at.out_x[0]), float(at.y[0] + offset * at.out_y[0])
                yaw = float(at.inward()[0]) + turn
                house = _place(site, taken, circles, (x, y, yaw))
                if house is not None:
                    found.append(Instance(kind, house, yaw, 1.0, tint, variant))
                    gap = max(gap, 2.0 * float((np.abs(circles[:, 1]) + circles[:, 2]).max()))
            here += gap
    return found


def _place(
    site: Site, taken: Taken, circles: Array, pose: tuple[float, float, float]
) -> tuple[float, float, float] | None:
    """Where the house stands, None where there is no room for it; marks its ground as taken."""
    x, y, yaw = pose
    c, s = np.cos(yaw), np.sin(yaw)
    cx = x + c * circles[:, 0] - s * circles[:, 1]
    cy = y + s * circles[:, 0] + c * circles[:, 1]
    radius = circles[:, 2]
    if not (site.paved(cx, cy) > radius + _MARGIN + site.paved.cell).all():
        return None
    if not (site.clear(cx, cy, radius).all() and taken.free(cx, cy, radius + _MARGIN).all()):
        return None
    ground = site.terrain.height(np.concatenate((cx - radius, cx + radius)), np.concatenate((cy, cy)))
    if np.ptp(ground) > _STEEPEST:
        return None
    taken.add(zip(cx.tolist(), cy.tolist(), (radius + _MARGIN).tolist(), strict=True))
    # Sunk to the lower side: a plinth in the slope rather than a house on air.
    return x, y, float(ground.min() + 0.25 * np.ptp(ground)) - 0.05
