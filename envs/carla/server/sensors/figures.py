"""What actors look like: the embedded world's car in every size, and boxes for whatever else moves."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from envs.carla.server.world.actors import Actor
from envs.render.car import HEIGHT, LENGTH, WIDTH
from envs.render.labels import Label
from envs.render.scene import Colour, Mesh

Block = tuple[tuple[float, float, float], tuple[float, float, float], Colour]
"""A box: low corner, high corner (m, body frame), colour."""

WHITE_CAR = 4
"""The variant of the renderer's car whose paint shows a tint as it is."""
_DARK: Colour = (0.12, 0.12, 0.13)
_GLASS: Colour = (0.16, 0.20, 0.26)
_SKIN: Colour = (0.78, 0.60, 0.48)
_TROUSERS: Colour = (0.20, 0.22, 0.32)
LAMPS: tuple[Colour, ...] = ((0.95, 0.10, 0.08), (0.98, 0.80, 0.10), (0.12, 0.90, 0.30))
"""Red, yellow, green."""
_JACKETS: tuple[Colour, ...] = ((0.62, 0.18, 0.16), (0.20, 0.36, 0.62), (0.75, 0.68, 0.30), (0.35, 0.50, 0.34))

_CORNERS = np.array([(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)], dtype=np.float64)
_FACES = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
"""Corners of each side, counter-clockwise from outside."""


def blocks(parts: Iterable[Block], label: int) -> Mesh:
    """A mesh of boxes, with hard edges."""
    vertices: list[NDArray[np.float64]] = []
    colours: list[NDArray[np.uint8]] = []
    triangles: list[tuple[int, int, int]] = []
    for low, high, colour in parts:
        corners = np.array(low) + _CORNERS * (np.array(high) - np.array(low))
        for face in _FACES:
            first = 4 * len(vertices)
            vertices.append(corners[list(face)])
            colours.append(np.tile(np.array(np.round(np.array(colour) * 255), dtype=np.uint8), (4, 1)))
            triangles += [(first, first + 1, first + 2), (first, first + 2, first + 3)]
    return Mesh(np.concatenate(vertices), np.array(triangles, dtype=np.int32), np.concatenate(colours), label=label)


def car_scale(actor: Actor) -> tuple[float, float, float]:
    """Factors that give the renderer's car the size of this one."""
    length, width, height = actor.blueprint.size
    return length / LENGTH, width / WIDTH, height / HEIGHT


def paint(actor: Actor) -> Colour:
    """The colour of a vehicle, 0..1."""
    parts = [int(part) / 255 for part in actor.attributes.get("color", "190,190,190").split(",")]
    red, green, blue = (0.08 + 0.92 * part for part in parts)
    return red, green, blue


def is_car(actor: Actor) -> bool:
    """Whether the renderer's own car stands for it."""
    return actor.attributes.get("base_type") == "car"


def body(actor: Actor) -> Mesh:
    """The mesh of an actor that is no car, in its body frame."""
    length, width, height = actor.blueprint.size
    label = actor.blueprint.label
    if label == Label.PEDESTRIANS:
        return _walker(actor, width, height)
    if label in (Label.MOTORCYCLE, Label.BICYCLE):
        return _two_wheeler(length, width, height, paint(actor), label)
    return _lorry(length, width, height, paint(actor), label)


def _lorry(length: float, width: float, height: float, colour: Colour, label: int) -> Mesh:
    x, y, low = 0.5 * length, 0.5 * width, 0.12 * height
    cab = x - 0.2 * length
    parts: list[Block] = [
        ((-x, -y, low), (cab - 0.05, y, height), colour),
        ((cab, -y, low), (x, y, 0.82 * height), colour),
        ((x - 0.02, -0.9 * y, 0.48 * height), (x + 0.02, 0.9 * y, 0.76 * height), _GLASS),
        ((cab + 0.1, -y - 0.02, 0.5 * height), (x - 0.15, y + 0.02, 0.76 * height), _GLASS),
    ]
    for along in (-0.33 * length, 0.33 * length):
        parts.append(((along - 0.45, -y - 0.01, 0.0), (along + 0.45, y + 0.01, 0.9), _DARK))
    return blocks(parts, label)


def _two_wheeler(length: float, width: float, height: float, colour: Colour, label: int) -> Mesh:
    x, wheel = 0.5 * length, 0.32
    parts: list[Block] = [
        ((-x, -0.04, 0.0), (-x + 2 * wheel, 0.04, 2 * wheel), _DARK),
        ((x - 2 * wheel, -0.04, 0.0), (x, 0.04, 2 * wheel), _DARK),
        ((-0.5 * x, -0.1, 0.4), (0.6 * x, 0.1, 0.5 * height), colour),
        ((0.45 * x, -0.5 * width, 0.58 * height), (0.55 * x, 0.5 * width, 0.62 * height), _DARK),
        ((-0.3 * x, -0.2, 0.5 * height), (0.0, 0.2, 0.85 * height), _TROUSERS),
        ((-0.25 * x, -0.1, 0.86 * height), (-0.02, 0.1, height), _SKIN),
    ]
    return blocks(parts, label)


def _walker(actor: Actor, width: float, height: float) -> Mesh:
    y, foot = 0.5 * width, -0.5 * height
    jacket = _JACKETS[actor.blueprint.uid % len(_JACKETS)]
    parts: list[Block] = [
        ((-0.1, -0.8 * y, foot), (0.1, 0.8 * y, foot + 0.48 * height), _TROUSERS),
        ((-0.13, -y, foot + 0.47 * height), (0.13, y, foot + 0.84 * height), jacket),
        ((-0.1, -0.1, foot + 0.86 * height), (0.1, 0.1, foot + height), _SKIN),
    ]
    return blocks(parts, Label.PEDESTRIANS)


def light_pole(height: float) -> Mesh:
    """The pole of a traffic light with its case, in the frame of its foot."""
    parts: list[Block] = [
        ((-0.07, -0.07, 0.0), (0.07, 0.07, height - 0.5), (0.35, 0.36, 0.36)),
        ((-0.15, -0.2, height - 0.5), (0.15, 0.2, height + 0.5), _DARK),
    ]
    return blocks(parts, Label.TRAFFIC_LIGHT)


def lamp(height: float, number: int) -> Mesh:
    """A burning lamp of a traffic light: 0 red (above), 1 yellow, 2 green; it shines towards the traffic."""
    z = height + 0.3 * (1 - number)
    return blocks([((-0.2, -0.11, z - 0.11), (-0.15, 0.11, z + 0.11), LAMPS[number])], Label.TRAFFIC_LIGHT)
