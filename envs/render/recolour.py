"""Other colours for a scene, so that a network that is trained in many such worlds does not learn their colours.

Domain randomisation of appearance (Tobin et al. 2017, https://arxiv.org/abs/1703.06907), done to the scene and not to
its pictures: the road, the land, leaves, walls and sky each get a factor of their own, and light and shadow stay true.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from envs.render.labels import Label
from envs.render.scene import Colour, Instance, Mesh, SceneDescription, Sky
from envs.render.textures import texture
from liquid_pilot.randomness import generator

Array = npt.NDArray[Any]

_LEAVES = frozenset({"deciduous", "birch", "conifer", "bush", "cactus", "grass"})
_WALLS = frozenset({"house", "house_wide", "house_tall", "barn", "church", "building", "building_tall"})
_MOST_TINT = 4.0
"""Tints of things may brighten their texture up to so much."""
_PAVED = {Label.ROADS: 0.45, Label.SIDEWALKS: 0.45}
"""How far roads and pavements are darkened (paint on them as well, it is one texture), at the most..."""
_CAST = 0.12
"""...and how far from grey they get."""


def recoloured(
    scene: SceneDescription, amount: float, seed: int, least: float = 0.0, palest: float = 0.0
) -> SceneDescription:
    """The same scene in other colours; with ``amount`` 0 the scene itself.

    Args:
        scene: any.
        amount: >= 0. At 1 the land, leaves, walls and sky change by a factor of 1/2 to 2 in each channel.
        seed: of the colours.
        least: each channel changes by at least as much as this amount would change it, up or down; for colours beyond
            all that a training with a smaller ``amount`` has shown.
        palest: the land's brightness (0..1) is raised to the power 2 ** -p with p uniform in 0..``palest``; with 1.6
            dark grass may be as pale as sand.
    """
    if amount == 0.0:
        return scene
    rng = generator(seed, "recolour")
    draws = rng.uniform(-1.0, 1.0, (4, 3))
    factors: Array = np.exp2(np.copysign(least + (amount - least) * np.abs(draws), draws))
    # Vertex colours cannot brighten, but another hue they can give.
    land: Array = factors[0] / max(1.0, factors[0].max())
    leaves: Array = factors[1]
    paved = {label: _darker(rng, min(1.0, amount) * most) for label, most in _PAVED.items()}
    # That needs other textures. A stream of its own: the other colours stay what they are without.
    paler = np.exp2(-palest * generator(seed, "recolour-pale").random())
    grounds = {name: _scaled((texture(name) / 255.0) ** paler, 255.0) for name in _grounds(scene) if palest > 0.0}

    def painted(mesh: Mesh) -> Mesh:
        if isinstance(mesh.texture, str) and mesh.texture in grounds and _is_land(mesh):
            return replace(mesh, texture=grounds[mesh.texture], colours=_scaled(mesh.colours, land**paler))
        factor = leaves if mesh.label == Label.VEGETATION else paved.get(Label(mesh.label), land)
        return replace(mesh, colours=_scaled(mesh.colours, factor))

    return replace(
        scene,
        meshes=[painted(mesh) for mesh in scene.meshes],
        instances=[_tinted(item, leaves, factors[2]) for item in scene.instances],
        sky=_repainted(scene.sky, factors[3], land, leaves),
    )


def _is_land(mesh: Mesh) -> bool:
    return mesh.label != Label.VEGETATION and mesh.label not in _PAVED


def _grounds(scene: SceneDescription) -> set[str]:
    """Names of the textures of its land."""
    return {mesh.texture for mesh in scene.meshes if isinstance(mesh.texture, str) and _is_land(mesh)}


def _darker(rng: np.random.Generator, most: float) -> Array:
    """A factor (3,) of at most 1, nearly grey."""
    factor: Array = (1.0 - most * rng.random()) * (1.0 - _CAST * rng.random(3) * (most > 0.0))
    return factor


def _scaled(colours: Array, factor: Array | float) -> Array:
    scaled: Array = np.clip(np.rint(colours * factor), 0.0, 255.0).astype(np.uint8)
    return scaled


def _times(colour: Colour, factor: Array, most: float = 1.0) -> Colour:
    red, green, blue = np.minimum(np.array(colour) * factor, most).tolist()
    return red, green, blue


def _tinted(item: Instance, leaves: Array, walls: Array) -> Instance:
    if item.kind not in _LEAVES | _WALLS:
        return item  # signs, posts and lamps mean something by their colour
    factor = leaves if item.kind in _LEAVES else walls
    return replace(item, tint=_times(item.tint, factor, _MOST_TINT))


def _repainted(sky: Sky, blue: Array, land: Array, leaves: Array) -> Sky:
    """Its blue, its horizon and the hills."""
    return replace(
        sky,
        zenith=_times(sky.zenith, blue),
        horizon=_times(sky.horizon, blue),
        hill_colour=_times(sky.hill_colour, leaves),
        ground=_times(sky.ground, land),
    )
