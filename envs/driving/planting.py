"""What grows and lies about: trees, bushes, rocks, hay bales, and walls of trees in the distance."""

from __future__ import annotations

import cv2
import numpy as np

from envs.driving.site import Site, Taken
from envs.driving.terrain import CELL
from envs.driving.themes import Plant, Treeline
from envs.driving.tree_pictures import ASPECT, tree_row
from envs.render.labels import Label
from envs.render.noise import fractal_noise, smoothstep, to_bytes
from envs.render.props import footprint
from envs.render.scene import Instance, Mesh
from envs.road.geometry import Array
from liquid_pilot.randomness import generator

_GROVE = 45.0
"""Metres from one grove to the next."""
_STEP = 16.0
"""Metres between two corners of a wall of trees."""


def plants(site: Site, taken: Taken) -> list[Instance]:
    """All plants of the theme, none near a lane or on what is ``taken``."""
    found: list[Instance] = []
    for number, plant in enumerate(site.theme.plants):
        found += _scatter(site, plant, taken, generator(site.seed, "plants", number))
    return found


def _scatter(site: Site, plant: Plant, taken: Taken, rng: np.random.Generator) -> list[Instance]:
    """Candidates all over the terrain cells that lie at the right distance; thinned to groves."""
    distance = site.terrain.distance
    rows, columns = np.nonzero((distance > plant.near - CELL) & (distance < plant.far + CELL))
    count = rng.poisson(plant.per_hectare * CELL * CELL / 1e4, len(rows))
    chosen = np.repeat(np.arange(len(rows)), count)
    jitter = rng.random((len(chosen), 2))
    x = site.terrain.origin[0] + CELL * (columns[chosen] + jitter[:, 0] - 0.5)
    y = site.terrain.origin[1] + CELL * (rows[chosen] + jitter[:, 1] - 0.5)
    cells = (max(2, int(distance.shape[0] * CELL / _GROVE)), max(2, int(distance.shape[1] * CELL / _GROVE)))
    grove = fractal_noise(rng, (distance.shape[0], distance.shape[1]), cells, 2)[rows[chosen], columns[chosen]]
    chance = (1.0 - plant.clump) + plant.clump * smoothstep(0.47, 0.62, grove)
    scale = rng.uniform(*plant.scale, len(x))
    tint = np.array(plant.tints)[rng.integers(0, len(plant.tints), len(x))] * rng.uniform(0.9, 1.1, (len(x), 1))
    yaw, variant, luck = rng.uniform(0.0, 2.0 * np.pi, len(x)), rng.integers(0, 8, len(x)), rng.random(len(x))
    radius = max([r for _, _, r in footprint(plant.kind)], default=0.3) * scale
    away = site.paved(x, y)
    kept = (luck < chance) & (away > plant.near) & (away < plant.far)
    kept[kept] = site.clear(x[kept], y[kept], radius[kept]) & taken.free(x[kept], y[kept], 1.5)
    z = site.terrain.height(x[kept], y[kept]) - 0.05
    return [
        Instance(plant.kind, (px, py, pz), turn, size, (red, green, blue), look)
        for px, py, pz, turn, size, (red, green, blue), look in zip(
            x[kept].tolist(), y[kept].tolist(), z.tolist(), yaw[kept].tolist(), scale[kept].tolist(),
            tint[kept].tolist(), variant[kept].tolist(), strict=True,
        )
    ]  # fmt: skip


def treelines(site: Site) -> list[Mesh]:
    """The walls of trees of the theme: upright ribbons along lines of equal distance from the roads."""
    meshes = []
    for number, line in enumerate(site.theme.treelines):
        mesh = _ribbon(site, line, generator(site.seed, "treeline", number))
        if mesh is not None:
            meshes.append(mesh)
    return meshes


def _ribbon(site: Site, line: Treeline, rng: np.random.Generator) -> Mesh | None:
    terrain = site.terrain
    # cv2 cuts at pixels: on the terrain's coarse grid: the corners are then smoothed by averaging along the line.
    inside = (terrain.distance < line.distance).astype(np.uint8)
    contours, _ = cv2.findContours(inside, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    points: list[Array] = []
    shares: list[Array] = []
    for contour in contours:
        ring = contour[:, 0].astype(np.float64) * CELL + terrain.origin
        if len(ring) < 12:
            continue
        ring = _smooth(ring)
        along = np.concatenate(([0.0], np.cumsum(np.hypot(*np.diff(np.concatenate((ring, ring[:1])), axis=0).T))))
        repeat = line.height * ASPECT
        length = max(1, round(along[-1] / repeat)) * repeat
        at = np.linspace(0.0, along[-1], int(along[-1] / _STEP) + 1)
        closed = np.concatenate((ring, ring[:1]))
        points.append(np.stack([np.interp(at, along, closed[:, axis]) for axis in (0, 1)], 1))
        shares.append(at / along[-1] * length / repeat)
    if not points:
        return None
    vertices, uv, triangles = [], [], []
    count = 0
    for ring, u in zip(points, shares, strict=True):
        steps = len(ring)
        height = line.height * rng.uniform(0.75, 1.2, steps)
        height[-1] = height[0]
        gaps = np.repeat(rng.random(steps // 4 + 1), 4)[: steps - 1]
        middle = 0.5 * (ring[1:] + ring[:-1])
        there = (gaps < line.share) & (site.paved(middle[:, 0], middle[:, 1]) > 0.6 * line.distance)
        # Where the wall ends it runs out in low bushes, not in an upright edge.
        height[:-1][~there] *= 0.3
        height[1:][~there] = np.minimum(height[1:][~there], 0.3 * line.height)
        foot = terrain.height(ring[:, 0], ring[:, 1]) - 0.6
        vertices.append(np.concatenate((np.column_stack((ring, foot)), np.column_stack((ring, foot + height)))))
        uv.append(np.column_stack((np.tile(u, 2), np.repeat((0.01, 0.97), steps))))
        corner = np.arange(steps - 1)
        corner = corner[there]
        a, b, c, d = corner, corner + 1, corner + 1 + steps, corner + steps
        triangles.append(np.concatenate((np.stack((a, b, c), -1), np.stack((a, c, d), -1))) + count)
        count += 2 * steps
    corners = np.concatenate(triangles)
    if not len(corners):
        return None
    tones = np.concatenate([np.repeat((0.62, 1.0), len(ring)) for ring in points])[:, None]
    tones = tones * rng.uniform(0.88, 1.08, (len(tones), 1))
    # The foot of each corner has the tint of its top.
    tints = [np.tile(rng.integers(0, len(line.tints), len(ring)), 2) for ring in points]
    tones = tones * np.array(line.tints)[np.concatenate(tints)]
    return Mesh(
        vertices=np.concatenate(vertices),
        triangles=corners,
        colours=to_bytes(np.clip(tones * _LEAVES[line.picture], 0.0, 1.0)),
        uv=np.concatenate(uv),
        texture=tree_row(line.picture),
        label=Label.VEGETATION,
        shade=False,
        two_sided=True,
    )


def _smooth(ring: Array) -> Array:
    """A closed line (N, 2) with the steps of the grid averaged away."""
    width = 2
    return np.asarray(sum(np.roll(ring, shift, axis=0) for shift in range(-width, width + 1)) / (2 * width + 1))


_LEAVES = {
    "conifer": np.array((0.36, 0.56, 0.34)),
    "deciduous": np.array((0.60, 0.80, 0.36)),
}
"""Colours of leaves in the light; the pictures are greys."""
