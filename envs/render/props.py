"""Everything that can be placed by name: what it looks like near and far, and what a vehicle must not run into."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np

from envs.render import buildings, car, plants, roadside
from envs.render.errors import BadScene
from envs.render.modelling import Model
from envs.render.noise import FloatArray
from envs.render.scene import KINDS, Instance

Circle = tuple[float, float, float]
"""x, y, radius in the prop's own frame, metres."""


@dataclass(frozen=True, eq=False)
class Prop:
    """One look of one kind.

    Args:
        near: the full model.
        far: a cheaper one for the distance; None = the full one is good enough for the middle distance too.
        small: nothing of it is to be seen in the far distance.
        shadow: half axes (along x, along y) of the soft shadow on the ground, metres; zeros = none.
    """

    near: Model
    far: Model | None
    small: bool
    shadow: tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Kind:
    make: Callable[[int], tuple[Model, Model | None]]
    variants: int
    shadow: tuple[float, float]
    footprint: tuple[Circle, ...]
    small: bool = False


def _row(length: float, width: float, centre: float = 0.0) -> tuple[Circle, ...]:
    """Circles that cover a box, ``length`` along x and ``width`` along y, without reaching far beyond its walls."""
    along, across = max(length, width), min(length, width)
    count = max(1, round(along / across * 2))
    radius = 0.5 * np.hypot(across, along / count)
    places = (np.arange(count) + 0.5) / count * along - along / 2
    if length >= width:
        return tuple((centre + float(p), 0.0, float(radius)) for p in places)
    return tuple((0.0, centre + float(p), float(radius)) for p in places)


_ALL: dict[str, _Kind] = {
    "deciduous": _Kind(plants.deciduous, 3, (3.2, 3.2), ((0.0, 0.0, 0.35),)),
    "birch": _Kind(plants.birch, 2, (1.9, 1.9), ((0.0, 0.0, 0.2),)),
    "conifer": _Kind(plants.conifer, 2, (2.6, 2.6), ((0.0, 0.0, 0.3),)),
    "bush": _Kind(plants.bush, 1, (1.1, 1.1), ((0.0, 0.0, 0.7),), small=True),
    "cactus": _Kind(plants.cactus, 1, (0.8, 1.2), ((0.0, 0.0, 0.4),), small=True),
    "grass": _Kind(plants.grass, 1, (0.0, 0.0), (), small=True),
    "rock": _Kind(plants.rock, 3, (1.2, 1.2), ((0.0, 0.0, 0.9),), small=True),
    "hay_bale": _Kind(roadside.hay_bale, 1, (0.9, 0.9), ((0.0, 0.0, 0.8),), small=True),
    "house": _Kind(buildings.house, 8, (6.2, 7.2), _row(9.0, 11.0)),
    "house_wide": _Kind(buildings.house_wide, 8, (6.2, 10.2), _row(9.0, 17.0)),
    "house_tall": _Kind(buildings.house_tall, 8, (6.2, 5.7), _row(9.0, 8.0)),
    "barn": _Kind(buildings.barn, 1, (6.6, 9.6), _row(10.0, 16.0)),
    "church": _Kind(buildings.church, 1, (6.2, 12.0), (*_row(9.0, 16.0), (0.0, 10.5, 3.5))),
    "building": _Kind(buildings.building, 5, (8.0, 10.0), _row(12.0, 16.0)),
    "building_tall": _Kind(buildings.building_tall, 3, (10.0, 11.0), _row(16.0, 18.0)),
    "delineator": _Kind(roadside.delineator, 1, (0.0, 0.0), ((0.0, 0.0, 0.1),), small=True),
    "fence": _Kind(roadside.fence, 1, (0.0, 0.0), _row(4.0, 0.4, 2.0), small=True),
    "guard_rail": _Kind(roadside.guard_rail, 1, (0.0, 0.0), _row(4.0, 0.4, 2.0), small=True),
    "sign_curve": _Kind(roadside.sign_curve, 1, (0.0, 0.0), ((0.0, 0.0, 0.1),), small=True),
    "sign_limit": _Kind(roadside.sign_limit, 1, (0.0, 0.0), ((0.0, 0.0, 0.1),), small=True),
    "lamp": _Kind(roadside.lamp, 1, (0.0, 0.0), ((0.0, 0.0, 0.15),), small=True),
    "car": _Kind(car.car, 5, (2.6, 1.3), _row(4.1, 1.76), small=True),
}


def _kind(name: str) -> _Kind:
    if name not in _ALL:
        raise BadScene(f"unknown kind of prop {name!r}; there are: {', '.join(KINDS)}")
    return _ALL[name]


def variants(kind: str) -> int:
    """How many looks this kind has."""
    return _kind(kind).variants


@cache
def prop(kind: str, variant: int = 0) -> Prop:
    """The look of this kind; ``variant`` counts round and round."""
    entry = _kind(kind)
    if variant != variant % entry.variants:
        return prop(kind, variant % entry.variants)
    near, far = entry.make(variant)
    return Prop(near, far, entry.small or far is None, entry.shadow)


def footprint(kind: str) -> tuple[Circle, ...]:
    """Circles (x, y, radius) in the prop's own frame, scale 1, that a vehicle collides with; may be none."""
    return _kind(kind).footprint


def obstacles(instances: Iterable[Instance]) -> FloatArray:
    """World circles of all these props, (N, 3) float64 x, y, radius, for ``SceneDescription.obstacles``."""
    circles = []
    for item in instances:
        sx, sy, _ = item.scale if isinstance(item.scale, tuple) else (item.scale,) * 3
        c, s = np.cos(item.yaw), np.sin(item.yaw)
        for x, y, radius in footprint(item.kind):
            px, py = x * sx, y * sy
            circles.append(
                (item.position[0] + c * px - s * py, item.position[1] + s * px + c * py, radius * max(sx, sy))
            )
    return np.array(circles, dtype=np.float64).reshape(-1, 3)
