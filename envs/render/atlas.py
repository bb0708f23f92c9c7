"""The one picture that all props share, so that everything standing in a cell of the world is drawn in one go.

Foliage is painted in light greys: its hue comes from the vertex colours, so that the same tree can be green, orange or
dusty. Walls and windows keep their own colours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from envs.render import facades, foliage, panels
from envs.render.labels import Label
from envs.render.noise import FloatArray, to_bytes
from liquid_pilot.randomness import generator

SIDE = 1024
"""Pixels of the atlas's sides."""

Painter = Callable[[np.random.Generator, tuple[int, int]], FloatArray]


@dataclass(frozen=True, slots=True)
class Patch:
    """A rectangle of the atlas in texture coordinates (u right, v up), with a margin against its neighbours."""

    left: float
    bottom: float
    right: float
    top: float

    def at(self, u: float, v: float) -> tuple[float, float]:
        """Texture coordinates of the point (u, v) in 0..1 of this patch."""
        return self.left + (self.right - self.left) * u, self.bottom + (self.top - self.bottom) * v


# Name: (height, width, label, painter). Sides are powers of two, so that no smaller mipmap mixes two patches.
_PATCHES: dict[str, tuple[int, int, Label, Painter]] = {
    "deciduous_0": (256, 256, Label.VEGETATION, foliage.deciduous_card),
    "deciduous_1": (256, 256, Label.VEGETATION, foliage.deciduous_card),
    "birch": (256, 128, Label.VEGETATION, foliage.birch_card),
    "leaves": (128, 128, Label.VEGETATION, foliage.leaf_cluster),
    "needles": (128, 128, Label.VEGETATION, foliage.needle_skirt),
    "bush": (128, 128, Label.VEGETATION, foliage.bush_card),
    "grass": (64, 64, Label.VEGETATION, foliage.grass_tuft),
    "bark": (64, 32, Label.VEGETATION, foliage.bark),
    "birch_bark": (64, 32, Label.VEGETATION, foliage.birch_bark),
    "cactus": (64, 32, Label.VEGETATION, foliage.cactus_skin),
    "plaster_front": (128, 128, Label.BUILDINGS, facades.plaster_front),
    "plaster_side": (128, 128, Label.BUILDINGS, facades.plaster_side),
    "brick_front": (128, 128, Label.BUILDINGS, facades.brick_front),
    "brick_side": (128, 128, Label.BUILDINGS, facades.brick_side),
    "timber_front": (128, 128, Label.BUILDINGS, facades.timber_front),
    "timber_side": (128, 128, Label.BUILDINGS, facades.timber_side),
    "plaster_gable": (64, 64, Label.BUILDINGS, facades.plaster_gable),
    "brick_gable": (64, 64, Label.BUILDINGS, facades.brick_gable),
    "timber_gable": (64, 64, Label.BUILDINGS, facades.timber_gable),
    "shops": (256, 256, Label.BUILDINGS, facades.shops),
    "offices": (256, 256, Label.BUILDINGS, facades.offices),
    "church": (128, 128, Label.BUILDINGS, facades.church),
    "planks": (64, 64, Label.BUILDINGS, facades.planks),
    "barn_front": (64, 64, Label.BUILDINGS, facades.barn_front),
    "tiles": (128, 128, Label.BUILDINGS, facades.roof_tiles),
    "slate": (64, 64, Label.BUILDINGS, facades.slate),
    "sign_curve": (128, 128, Label.TRAFFIC_SIGNS, panels.curve_sign),
    "sign_limit": (128, 128, Label.TRAFFIC_SIGNS, panels.limit_sign),
    "delineator": (64, 16, Label.POLES, panels.delineator),
    "fence": (64, 128, Label.FENCES, panels.fence),
    "hay": (64, 64, Label.STATIC, panels.hay),
    "stone": (64, 64, Label.STATIC, panels.stone),
    "rail": (16, 64, Label.GUARD_RAIL, panels.rail),
    **{
        f"plain_{label.name.lower()}": (16, 16, label, panels.plain)
        for label in (
            Label.BUILDINGS, Label.FENCES, Label.POLES, Label.TRAFFIC_SIGNS, Label.VEGETATION, Label.CAR, Label.STATIC,
            Label.GUARD_RAIL,
        )
    },
}  # fmt: skip


@cache
def _corners() -> dict[str, tuple[int, int]]:
    """Top row and left column of every patch: shelves of equal height, widest first, so that all stay aligned."""
    order = sorted(_PATCHES, key=lambda name: (-_PATCHES[name][0], -_PATCHES[name][1], name))
    corners: dict[str, tuple[int, int]] = {}
    top = left = shelf = 0
    for name in order:
        height, width = _PATCHES[name][:2]
        if shelf != height or left + width > SIDE:
            top, left, shelf = top + shelf, 0, height
        corners[name] = (top, left)
        left += width
    return corners


MARGIN = 1 / 16
"""Share of a patch's sides that no face uses: the renderer may sample up to a pixel of the screen beyond a face's edge,
which in small mipmaps is a good piece of the patch."""


@cache
def patch(name: str) -> Patch:
    """Where the usable part of a named patch lies."""
    height, width = _PATCHES[name][:2]
    top, left = _corners()[name]
    dx, dy = MARGIN * width, MARGIN * height
    return Patch((left + dx) / SIDE, 1 - (top + height - dy) / SIDE, (left + width - dx) / SIDE, 1 - (top + dy) / SIDE)


def label(name: str) -> Label:
    """What a named patch shows."""
    return _PATCHES[name][2]


@cache
def picture() -> NDArray[np.uint8]:
    """The atlas, (SIDE, SIDE, 4) uint8 red, green, blue, alpha; row 0 is the top. Do not write to it."""
    colour = np.zeros((SIDE, SIDE, 4), dtype=np.uint8)
    for name, (height, width, _, painter) in _PATCHES.items():
        top, left = _corners()[name]
        area = np.s_[top : top + height, left : left + width]
        painted = _framed(painter, generator(0, f"atlas-{name}"), height, width)
        colour[area][..., : painted.shape[2]] = to_bytes(painted)
        if painted.shape[2] == 3:
            colour[area][..., 3] = 255
    colour.flags.writeable = False
    return colour


def _framed(painter: Painter, rng: np.random.Generator, height: int, width: int) -> FloatArray:
    """The painting with a frame that repeats its edges; pictures with holes have holes in the frame too."""
    dy, dx = round(MARGIN * height), round(MARGIN * width)
    painted = painter(rng, (height - 2 * dy, width - 2 * dx))
    framed = np.pad(painted, ((dy, dy), (dx, dx), (0, 0)), mode="edge")
    if painted.shape[2] == 4:
        framed[:dy, :, 3] = framed[:, :dx, 3] = framed[:, -dx:, 3] = 0.0
    return framed
