"""What lines a road: delineators, lamps, fences, guard rails, chevron boards and speed limits."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from envs.driving.site import Kerbline, Site, Taken
from envs.driving.themes import Alley
from envs.render.scene import Instance
from envs.road.geometry import Array
from liquid_pilot.randomness import generator

_POST_OFFSET = 0.5
"""Metres beyond the edge of the pavement, or beyond what keeps clear of the lanes."""
_TIGHT = 1.0 / 70.0
"""1/m; a tighter bend gets closer posts, and chevron boards on its outside."""
_PIECE = 4.0
"""Metres of one fence or guard rail."""
_FENCE_OFFSET = 5.5


def roadside(site: Site, taken: Taken) -> list[Instance]:
    """Everything of the theme's `Roadside`; nothing within two metres of any driving lane."""
    plan = site.theme.roadside
    found: list[Instance] = []
    for number, line in enumerate(site.kerblines):
        rng = generator(site.seed, "roadside", number)
        if plan.posts:
            found += _posts(site, line, plan.posts)
        if plan.lamps and line.length > 20.0:
            found += _lamps(site, line, plan.lamps)
        if plan.signs:
            found += _signs(site, line, rng)
        if plan.alley is not None:
            found += _alley(site, taken, line, plan.alley, generator(site.seed, "alley", number))
        if plan.rails:
            found += _rails(site, line)
        if plan.fences:
            found += _fences(site, taken, line, plan.fences, rng)
    return found


def _stand(site: Site, line: Kerbline, offset: Array | float, radius: float) -> Iterator[tuple[int, Array]]:
    """(index, (3,) foot) of the places of ``line`` that are clear, ``offset`` metres outside the pavement's edge."""
    reach = np.broadcast_to(np.maximum(offset, line.verge + radius + 0.1), line.x.shape)
    x, y = line.x + reach * line.out_x, line.y + reach * line.out_y
    clear = site.clear(x, y, radius)
    # On the verge, not on the land beneath it: about level with the road, sinking outwards.
    z = np.maximum(line.z - 0.05 - 0.06 * reach, site.terrain.height(x, y))
    z = np.where(reach < 3.0, z, site.terrain.height(x, y)) - 0.08
    for index in np.flatnonzero(clear):
        yield int(index), np.array((x[index], y[index], z[index]))


def _instance(kind: str, foot: Array, yaw: float, scale: float | tuple[float, float, float] = 1.0) -> Instance:
    return Instance(kind, (float(foot[0]), float(foot[1]), float(foot[2])), float(yaw), scale)


def _posts(site: Site, line: Kerbline, spacing: float) -> list[Instance]:
    """Delineators, twice as close in tight bends."""
    close = np.where(np.abs(line.bend) > _TIGHT, 2.0, 1.0) / spacing
    amount = np.concatenate(([0.0], np.cumsum(0.5 * (close[1:] + close[:-1]) * np.diff(line.s)))) + 0.5
    places = np.interp(np.arange(1.0, amount[-1]), amount, line.s)
    at = line.at(places)
    yaw = at.heading() + (np.pi if line.side < 0 else 0.0)  # the reflector looks at the traffic of its own side
    return [_instance("delineator", foot, yaw[i]) for i, foot in _stand(site, at, _POST_OFFSET, 0.1)]


def _lamps(site: Site, line: Kerbline, spacing: float) -> list[Instance]:
    """Lamps, staggered between the two sides."""
    first = 0.25 * spacing if line.side > 0 else 0.75 * spacing
    at = line.at(line.s[0] + np.arange(first, line.length, spacing))
    yaw = at.inward()
    return [_instance("lamp", foot, yaw[i]) for i, foot in _stand(site, at, 0.8, 0.15)]


def _signs(site: Site, line: Kerbline, rng: np.random.Generator) -> list[Instance]:
    """Chevron boards outside of tight bends, facing those for whom it is a right-hand bend (the board points right),
    and a speed limit now and then.
    """
    found = []
    outside = -line.bend > _TIGHT
    begins = np.flatnonzero(outside & ~np.concatenate(([False], outside[:-1])))
    ends = np.flatnonzero(outside & ~np.concatenate((outside[1:], [False])))
    for begin, end in zip(begins, ends, strict=True):
        if line.s[end] - line.s[begin] < 12.0:
            continue
        at = line.at(np.linspace(line.s[begin], line.s[end], 5)[1:4])
        # Outside on the left: a right-hand bend for growing s. The board looks back along the approach.
        look = at.heading() + (np.pi if line.side > 0 else 0.0)
        inward = at.inward()
        toward = np.arctan2(np.sin(look) + 0.5 * np.sin(inward), np.cos(look) + 0.5 * np.cos(inward))
        found += [_instance("sign_curve", foot, toward[i]) for i, foot in _stand(site, at, 1.3, 0.1)]
    if line.length > 150.0:
        at = line.at(line.s[0] + np.sort(rng.uniform(20.0, line.length - 20.0, int(line.length / 700.0) + 1)))
        yaw = at.heading() + (np.pi if line.side < 0 else 0.0)
        found += [_instance("sign_limit", foot, yaw[i]) for i, foot in _stand(site, at, 1.0, 0.1)]
    return found


def _alley(site: Site, taken: Taken, line: Kerbline, tree: Alley, rng: np.random.Generator) -> list[Instance]:
    """Trees in rows along stretches of the road."""
    at = line.at(line.s[0] + np.arange(0.3 * tree.spacing, line.length, tree.spacing))
    row = 8
    wanted = np.repeat(rng.random(len(at.s) // row + 1) < tree.share, row)[: len(at.s)]
    scale = rng.uniform(*tree.scale, len(at.s))
    tint = np.array(tree.tints[int(rng.integers(len(tree.tints)))]) * rng.uniform(0.92, 1.08, (len(at.s), 1))
    turn, look = rng.uniform(0.0, 6.283, len(at.s)), rng.integers(0, 8, len(at.s))
    found = []
    for index, foot in _stand(site, at, tree.distance, 0.4):
        x, y = foot[:1], foot[1:2]
        if wanted[index] and taken.free(x, y, 1.0)[0] and site.paved(x, y)[0] > 0.7 * tree.distance:
            place = float(foot[0]), float(foot[1]), float(foot[2])
            colour = (float(tint[index, 0]), float(tint[index, 1]), float(tint[index, 2]))
            variant = int(look[index])
            found.append(Instance(tree.kind, place, float(turn[index]), float(scale[index]), colour, variant))
    return found


def _rails(site: Site, line: Kerbline) -> list[Instance]:
    """Guard rails where the land falls by more than two metres within nine."""
    pieces = line.at(line.s[0] + np.arange(0.0, line.length - _PIECE, _PIECE))
    x, y = pieces.x + 9.0 * pieces.out_x, pieces.y + 9.0 * pieces.out_y
    falls = pieces.z - site.terrain.height(x, y) > 2.0
    falls = np.convolve(falls, np.ones(5), mode="same") > 2.0  # whole stretches, not single pieces
    return _pieces(site, pieces, falls, "guard_rail", 0.5, on_verge=True)


def _fences(site: Site, taken: Taken, line: Kerbline, share: float, rng: np.random.Generator) -> list[Instance]:
    """Stretches of wooden fence between the verge and the meadow."""
    pieces = line.at(line.s[0] + np.arange(0.0, line.length - _PIECE, _PIECE))
    count = len(pieces.s) // 16 + 1
    wanted = np.repeat(rng.random(count) < share, 16)[: len(pieces.s)]
    x, y = pieces.x + _FENCE_OFFSET * pieces.out_x, pieces.y + _FENCE_OFFSET * pieces.out_y
    wanted &= (site.paved(x, y) > 0.8 * _FENCE_OFFSET) & taken.free(x, y, 2.0)
    return _pieces(site, pieces, wanted, "fence", _FENCE_OFFSET, on_verge=False)


def _pieces(
    site: Site, pieces: Kerbline, wanted: NDArray[np.bool_], kind: str, offset: float, on_verge: bool
) -> list[Instance]:
    """Pieces of 4 m from one place of the line to the next, where both ends are clear."""
    if len(pieces.s) < 2:
        return []
    reach = np.maximum(offset, pieces.verge + 0.6)
    x, y = pieces.x + reach * pieces.out_x, pieces.y + reach * pieces.out_y
    z = pieces.z - 0.12 if on_verge else site.terrain.height(x, y) - 0.05
    clear = site.clear(x, y, 0.3)
    # A piece runs along +x of its own; the road lies on its right-hand side.
    ends = (slice(0, -1), slice(1, None)) if pieces.side > 0 else (slice(1, None), slice(0, -1))
    run_x, run_y = x[ends[1]] - x[ends[0]], y[ends[1]] - y[ends[0]]
    length, yaw = np.hypot(run_x, run_y), np.arctan2(run_y, run_x)
    middle_x, middle_y = 0.5 * (x[1:] + x[:-1]), 0.5 * (y[1:] + y[:-1])
    good = np.flatnonzero(wanted[1:] & clear[1:] & clear[:-1] & site.clear(middle_x, middle_y, 0.3) & (length < 6.0))
    feet = np.stack((x[ends[0]], y[ends[0]], np.minimum(z[1:], z[:-1])), 1)
    return [_instance(kind, feet[i], yaw[i], (float(length[i]) / _PIECE, 1.0, 1.0)) for i in good]
