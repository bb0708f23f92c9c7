"""A road map and a theme to a whole scene: road surface, land, plants, houses, what lines the road, sky.

Everything is drawn from (seed, purpose): the same map, theme and seed give the same scene, and one more kind of tree
moves none of the others.
"""

from __future__ import annotations

import numpy as np

from envs.driving.ground import bounds, distance_grid
from envs.driving.houses import houses
from envs.driving.planting import plants, treelines
from envs.driving.road_surface import road_meshes
from envs.driving.roadside import roadside
from envs.driving.shapes import network_shapes
from envs.driving.site import Site, Taken
from envs.driving.terrain import build_terrain, terrain_meshes
from envs.driving.themes import theme as find_theme
from envs.driving.verge import verge_meshes
from envs.render.props import obstacles
from envs.render.scene import SceneDescription
from envs.road.network import RoadNetwork
from liquid_pilot.randomness import derive_seed

_OBSTACLE_REACH = 60.0
"""Metres from a lane beyond which no car gets before its episode ends."""


def build_scene(network: RoadNetwork, theme: str, seed: int) -> SceneDescription:
    """The scene of a map. ``theme``: a name of `themes.THEMES`; raises UnknownTheme.

    The obstacles are what stands within 60 m of a driving lane; nothing stands on or within 2 m of one.
    """
    look = find_theme(theme)
    shapes = network_shapes(network)
    area = bounds(shapes).grown(40.0)
    terrain = build_terrain(shapes, look, seed)
    paved, driving = distance_grid(shapes, "paved", area), distance_grid(shapes, "driving", area)
    site = Site(shapes, terrain, paved, driving, look, seed)
    taken = Taken()
    instances = houses(site, taken)
    instances += roadside(site, taken)
    instances += plants(site, taken)
    meshes = [
        *terrain_meshes(terrain, look, seed),
        *verge_meshes(network_shapes(network, tolerance=0.07, max_step=20.0), terrain, paved, look),
        *road_meshes(network, shapes),
        *treelines(site),
    ]
    circles = obstacles(instances)
    near = driving(circles[:, 0], circles[:, 1]) < _OBSTACLE_REACH if len(circles) else np.zeros(0, dtype=bool)
    return SceneDescription(
        meshes=meshes,
        instances=instances,
        sky=look.sky(seed),
        obstacles=circles[near],
        seed=derive_seed(seed, "scene") % 2**31,
    )
