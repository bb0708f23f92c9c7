"""Sunlight baked into vertex colours: the renderer's own lights are slow and differ between back ends."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from envs.render.noise import FloatArray, to_bytes
from envs.render.scene import Mesh, Sky


def light(normals: FloatArray, sky: Sky) -> FloatArray:
    """Light that falls on faces with these unit normals: (..., 3) normals to (..., 3) red, green, blue factors.

    The sun gives Lambert's cosine, softened by a fifth so that faces just turned away are not dead; the sky lights
    what looks up fully and what looks down by two thirds (the ground throws some light back).
    """
    sun = sky.sun_direction
    facing = normals[..., 0] * sun[0] + normals[..., 1] * sun[1] + normals[..., 2] * sun[2]
    direct = np.clip((facing + 0.2) / 1.2, 0.0, 1.0)
    ambient = 0.83 + 0.17 * normals[..., 2]
    return np.asarray(direct[..., None] * np.array(sky.sun_light) + ambient[..., None] * np.array(sky.sky_light))


def vertex_normals(vertices: ArrayLike, triangles: NDArray[np.integer]) -> FloatArray:
    """Unit normals (V, 3) of shared vertices: the mean of the faces around, weighted by area; up where none is."""
    points = np.asarray(vertices, dtype=np.float64)
    a, b, c = (points[triangles[:, k]] for k in range(3))
    u, v = b - a, c - a
    faces = np.stack(
        (
            u[:, 1] * v[:, 2] - u[:, 2] * v[:, 1],
            u[:, 2] * v[:, 0] - u[:, 0] * v[:, 2],
            u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0],
        ),
        axis=1,
    )
    normals = np.zeros_like(points)
    for corner in range(3):
        for axis in range(3):
            # bincount adds in the order of the faces: the same sum on every machine.
            normals[:, axis] += np.bincount(triangles[:, corner], faces[:, axis], minlength=len(points))
    length = np.sqrt(normals[:, 0] ** 2 + normals[:, 1] ** 2 + normals[:, 2] ** 2)
    normals[length == 0] = (0.0, 0.0, 1.0)
    return np.asarray(normals / np.where(length == 0, 1.0, length)[:, None])


def baked(mesh: Mesh, sky: Sky) -> NDArray[np.uint8]:
    """The mesh's (V, 3) colours with light in them, or as they are where it is not to be shaded."""
    colours = np.broadcast_to(mesh.colours, (len(mesh.vertices), 3))
    if not mesh.shade:
        return colours
    normals = vertex_normals(mesh.vertices, mesh.triangles)
    if mesh.two_sided:
        normals = np.where(normals[:, 2:] < 0, -normals, normals)
    return to_bytes(colours / 255.0 * light(normals, sky))
