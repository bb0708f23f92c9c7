"""The land of a flight as a scene: flat ground, what grows on it, houses around it, trees on the line of flight.

The scene is the one description of a world: `envs.render` draws it, `envs.drone.world` makes PyBullet's collision
shapes of it, `envs.drone.hulls` the distances.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from envs.driving.themes import Plant, Theme
from envs.driving.themes import theme as find_theme
from envs.driving.tree_pictures import ASPECT, tree_row
from envs.render.labels import Label
from envs.render.noise import fractal_noise, to_bytes
from envs.render.props import obstacles, variants
from envs.render.recolour import recoloured
from envs.render.scene import Detail, Instance, Mesh, SceneDescription
from envs.render.textures import TILE_METRES
from liquid_pilot.randomness import generator

if TYPE_CHECKING:
    from scenarios.flight import Barriers

Array = npt.NDArray[np.float64]
Line = tuple[tuple[float, float], tuple[float, float]]

TREES = ("deciduous", "birch", "conifer", "cactus")
"""Kinds that ``trees_per_hectare`` counts."""
HOUSES = frozenset({"house", "house_wide", "house_tall", "barn", "church", "building", "building_tall"})
EDGE = 10.0
"""Metres beyond the world's radius that a drone may fly."""

DETAIL = Detail(cell=24.0, near=40.0)
"""In full within 23 m at least, as for cars; but one flies in the midst of the trees, and beyond that most of the time
of drawing them would be spent on leaves smaller than a pixel."""

_HOUSE_KINDS = ("house", "house_wide", "house_tall", "barn")
_CELL = 12.0
"""Metres from one corner of the ground's mesh to the next."""
_SMALL_MOST = 60.0
"""Bushes, rocks and tufts of grass per hectare, at the most."""


@dataclass(frozen=True)
class LandSpec:
    """What makes two lands the same.

    Args:
        theme: name of the look.
        seed: of everything that is drawn.
        radius: metres.
        trees: per hectare.
        buildings: how many.
        recolour: 0..2, see `scenarios.flight.FlightWorld`.
        line: start and target (x, y) between which the barriers stand; None: there are none.
        barriers: what stands there.
        recolour_from: 0..recolour.
    """

    theme: str
    seed: int
    radius: float
    trees: float
    buildings: int
    recolour: float
    line: Line | None
    barriers: Barriers | None
    recolour_from: float = 0.0


def build_land(spec: LandSpec) -> SceneDescription:
    """The scene of a land."""
    theme = find_theme(spec.theme)
    instances = list(_buildings(spec, theme))
    instances += _barriers(spec, theme)
    instances += _plants(spec, theme, instances)
    meshes = [_ground(spec, theme), *_treeline(spec, theme)]
    scene = SceneDescription(meshes, instances, theme.sky(spec.seed), obstacles(instances), spec.seed, DETAIL)
    return recoloured(scene, spec.recolour, spec.seed, spec.recolour_from)


def _ground(spec: LandSpec, theme: Theme) -> Mesh:
    """A level square at height 0, in patches of the theme's two tints."""
    texture = "paving" if spec.theme == "town" else theme.ground
    reach = spec.radius + EDGE + 60.0
    count = math.ceil(2.0 * reach / _CELL)
    lines = np.linspace(-reach, reach, count + 1)
    x, y = (axis.ravel() for axis in np.meshgrid(lines, lines))
    share = fractal_noise(generator(spec.seed, "flight-ground"), (count + 1, count + 1), (4, 4), 2).ravel()[:, None]
    one, two = np.array(theme.ground_tint)
    corner = (np.arange(count)[:, None] * (count + 1) + np.arange(count)).ravel()
    a, b, c, d = corner, corner + 1, corner + count + 2, corner + count + 1
    vertices = np.column_stack((x, y, np.zeros_like(x)))
    return Mesh(
        vertices=vertices,
        triangles=np.concatenate((np.stack((a, b, c), -1), np.stack((a, c, d), -1))),
        colours=to_bytes(np.clip(one + share * (two - one), 0.0, 1.0)),
        uv=vertices[:, :2] / TILE_METRES[texture],
        texture=texture,
        label=Label.SIDEWALKS if texture == "paving" else Label.TERRAIN,
    )


def _treeline(spec: LandSpec, theme: Theme) -> Iterator[Mesh]:
    """A wall of trees behind the world's edge, where the theme has one; nobody gets there."""
    if not theme.treelines:
        return
    line = theme.treelines[0]
    height, radius = min(line.height, 11.0), spec.radius + EDGE + 18.0
    repeats = max(1, round(2.0 * math.pi * radius / (height * ASPECT)))
    steps = repeats * 3
    angle = np.linspace(0.0, 2.0 * math.pi, steps + 1)
    ring = radius * np.column_stack((np.cos(angle), np.sin(angle)))
    rng = generator(spec.seed, "flight-treeline")
    tall = height * rng.uniform(0.75, 1.2, steps + 1)
    tall[-1] = tall[0]
    corner = np.arange(steps)
    a, b, c, d = corner, corner + 1, corner + steps + 2, corner + steps + 1
    tone = np.repeat((0.62, 1.0), steps + 1)[:, None] * np.array(line.tints[0])
    leaves = np.array((0.36, 0.56, 0.34) if line.picture == "conifer" else (0.60, 0.80, 0.36))
    yield Mesh(
        vertices=np.concatenate((np.column_stack((ring, np.full(steps + 1, -0.3))), np.column_stack((ring, tall)))),
        triangles=np.concatenate((np.stack((a, b, c), -1), np.stack((a, c, d), -1))),
        colours=to_bytes(np.clip(tone * leaves, 0.0, 1.0)),
        uv=np.column_stack((np.tile(np.linspace(0.0, repeats, steps + 1), 2), np.repeat((0.01, 0.97), steps + 1))),
        texture=tree_row(line.picture),
        label=Label.VEGETATION,
        shade=False,
        two_sided=True,
    )


def _buildings(spec: LandSpec, theme: Theme) -> Iterator[Instance]:
    """Houses evenly around the middle, facing it."""
    rng = generator(spec.seed, "flight-buildings")
    kinds = theme.buildings.kinds if theme.buildings is not None else _HOUSE_KINDS
    tints = theme.buildings.tints if theme.buildings is not None else ((1.0, 1.0, 1.0),)
    for number in range(spec.buildings):
        angle = 2.0 * math.pi * (number + rng.uniform(-0.15, 0.15)) / spec.buildings
        away = spec.radius * rng.uniform(0.75, 0.95)
        kind = kinds[int(rng.integers(len(kinds)))]
        tint = tints[int(rng.integers(len(tints)))]
        place = away * math.cos(angle), away * math.sin(angle), 0.0
        if spec.line is not None and _beside(spec.line, *place[:2]) < _HOUSE:
            continue
        turn = angle + math.pi + rng.uniform(-0.2, 0.2)
        yield Instance(kind, place, turn, 1.0, tint, int(rng.integers(8)))


def _barriers(spec: LandSpec, theme: Theme) -> Iterator[Instance]:
    """Trees beside the line of flight, in its middle, ``spacing`` apart; all on one side."""
    if spec.line is None or spec.barriers is None:
        return
    rng = generator(spec.seed, "flight-barriers")
    (x0, y0), (x1, y1) = spec.line
    length = math.hypot(x1 - x0, y1 - y0)
    ex, ey = (x1 - x0) / length, (y1 - y0) / length
    row = spec.barriers
    tints = next((plant.tints for plant in theme.plants if plant.kind == row.kind), ((1.0, 1.0, 1.0),))
    side = 1.0 if rng.random() < 0.5 else -1.0
    for number in range(row.count):
        along = 0.5 * length + (number - 0.5 * (row.count - 1)) * row.spacing_m + rng.uniform(-0.2, 0.2) * row.spacing_m
        aside = side * rng.uniform(*row.aside_m)
        place = x0 + along * ex - aside * ey, y0 + along * ey + aside * ex, 0.0
        tint = tints[int(rng.integers(len(tints)))]
        yield Instance(row.kind, place, rng.uniform(0.0, 6.283), rng.uniform(0.9, 1.2), tint, int(rng.integers(8)))


def _plants(spec: LandSpec, theme: Theme, taken: list[Instance]) -> list[Instance]:
    """Trees, bushes, rocks and grass, evenly over the disc, but not on the line of flight and not in houses."""
    wooded = sum(plant.per_hectare for plant in theme.plants if plant.kind in TREES)
    factor = spec.trees / wooded if wooded else 0.0
    away = spec.radius + EDGE
    hectares = math.pi * away * away / 1e4
    blocked = obstacles(taken)
    found: list[Instance] = []
    for number, plant in enumerate(theme.plants):
        if plant.kind == "grass":
            continue  # from a drone's height it is part of the ground's texture
        rng = generator(spec.seed, "flight-plants", number)
        dense = factor * plant.per_hectare
        count = int(rng.poisson((dense if plant.kind in TREES else min(dense, _SMALL_MOST)) * hectares))
        found += _scatter(plant, count, away, rng, blocked, spec.line)
    return found


def _scatter(
    plant: Plant, count: int, away: float, rng: np.random.Generator, blocked: Array, line: Line | None
) -> Iterator[Instance]:
    radius, angle = away * np.sqrt(rng.random(count)), rng.uniform(0.0, 2.0 * math.pi, count)
    x, y = radius * np.cos(angle), radius * np.sin(angle)
    scale, yaw = rng.uniform(*plant.scale, count), rng.uniform(0.0, 2.0 * math.pi, count)
    tint = np.array(plant.tints)[rng.integers(0, len(plant.tints), count)] * rng.uniform(0.9, 1.1, (count, 1))
    look = rng.integers(0, 8, count) % variants(plant.kind)
    free = np.ones(count, dtype=bool)
    for bx, by, reach in blocked.tolist():
        free &= np.hypot(x - bx, y - by) > reach + 1.5
    if line is not None:
        free &= np.array([_beside(line, *place) > _BESIDE for place in zip(x.tolist(), y.tolist(), strict=True)], bool)
    for index in np.flatnonzero(free).tolist():
        red, green, blue = tint[index].tolist()
        place = float(x[index]), float(y[index]), 0.0
        yield Instance(plant.kind, place, float(yaw[index]), float(scale[index]), (red, green, blue), int(look[index]))


def _beside(line: Line, x: float, y: float) -> float:
    """Metres from a place to a line of flight."""
    (x0, y0), (x1, y1) = line
    dx, dy = x1 - x0, y1 - y0
    share = max(0.0, min(1.0, ((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy)))
    return math.hypot(x0 + share * dx - x, y0 + share * dy - y)


_HOUSE = 14.0
"""Metres that the middle of a house keeps from it."""
_BESIDE = 4.5
"""Metres that other plants keep from a line with barriers on it: the largest crown, and room to go round."""
