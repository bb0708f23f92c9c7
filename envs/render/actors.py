"""Things that move in a world."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from envs.render.cells import Material, place_model
from envs.render.geometry import label_colours, make_geom
from envs.render.modelling import Model
from envs.render.noise import to_bytes
from envs.render.pose import Pose
from envs.render.props import prop
from envs.render.scene import Colour, Instance, Mesh, Sky, check_mesh
from envs.render.shading import baked
from envs.render.world import COLOUR_CAMERAS, EVERY, LABEL_CAMERAS, World

_SECTORS = 24
"""Headings for which the sunlight on a moving thing is baked; it changes by steps of 15 degrees."""


class Actor:
    """A handle of something added with `Renderer.add`."""

    def __init__(
        self,
        world: World,
        sky: Sky,
        what: str | Mesh,
        tint: Colour,
        variant: int,
        scale: float | tuple[float, float, float],
        cameras: Sequence[int] | None,
        forget: Callable[[Actor], None],
    ) -> None:
        from panda3d import core

        self._matrix = core.LMatrix4f
        self._world, self._sky, self._forget = world, sky, forget
        self._what, self._tint, self._scale = what, tint, scale
        self._look: Model | None = None
        shadow = (0.0, 0.0)
        if isinstance(what, Mesh):
            check_mesh(what)
            material = Material(what.texture, what.texture_labels, what.label, what.two_sided, what.lift, None)
            self._state, tag = world.material(material)
        else:
            look = prop(what, variant)
            self._look, shadow = look.near, look.shadow
            self._state, tag = world.atlas_state(), ""
        self._lit: dict[int, Any] = {}
        self._sector = -1
        self._geoms = core.GeomNode("actor")
        self._node = world.root.attachNewNode("actor")
        colour = self._node.attachNewNode(self._geoms)
        if tag:
            self._geoms.setTag("label", tag)
        else:
            colour.hide(core.DrawMask(LABEL_CAMERAS))
            twin = self._node.attachNewNode(self._label_twin())
            twin.hide(core.DrawMask(COLOUR_CAMERAS))
        if shadow[0] > 0:
            self._node.attachNewNode(world.shadow(shadow, scale))
        if cameras is not None:
            self._node.hide(core.DrawMask(EVERY))
            seen = sum(1 << index | 1 << (index + 15) for index in cameras)
            self._node.show(core.DrawMask(seen))

    def move(self, pose: Pose) -> None:
        """Put it there; the sunlight on it follows its heading."""
        (fx, lx, ux), (fy, ly, uy), (fz, lz, uz) = pose.rotation.tolist()
        origin = self._world.origin_floats
        x, y, z = pose.position.tolist()
        self._node.setMat(
            self._matrix(fx, fy, fz, 0, lx, ly, lz, 0, ux, uy, uz, 0, x - origin[0], y - origin[1], z - origin[2], 1)
        )
        sector = round(math.atan2(fy, fx) / (2 * math.pi) * _SECTORS) % _SECTORS
        if sector != self._sector:
            self._sector = sector
            if sector not in self._lit:
                self._lit[sector] = self._bake(2 * math.pi * sector / _SECTORS)
            self._geoms.removeAllGeoms()
            self._geoms.addGeom(self._lit[sector], self._state)

    def _label_twin(self) -> Any:
        """A prop as cameras of segmentation see it."""
        from panda3d import core

        look = self._look
        assert look is not None
        node = core.GeomNode("labels")
        vertices, _ = place_model(look, [self._at_origin()], self._sky)
        geom = make_geom(
            vertices[0].astype(np.float32), look.triangles, label_colours(look.labels), look.uv.astype(np.float32)
        )
        node.addGeom(geom, self._world.atlas_label_state())
        return node

    def _at_origin(self) -> Instance:
        return Instance(str(self._what), (0.0, 0.0, 0.0), scale=self._scale, tint=self._tint)

    def _bake(self, yaw: float) -> Any:
        """The geometry in its body frame with the light that it gets at this heading."""
        sky = replace(self._sky, sun_azimuth=self._sky.sun_azimuth - yaw)
        if self._look is not None:
            vertices, colours = place_model(self._look, [self._at_origin()], sky)
            return make_geom(
                vertices[0].astype(np.float32), self._look.triangles, colours[0], self._look.uv.astype(np.float32)
            )
        mesh = self._what
        assert isinstance(mesh, Mesh)
        colours_of_mesh = to_bytes(baked(mesh, sky) / 255.0 * np.array(self._tint))
        uv = None if mesh.texture is None or mesh.uv is None else np.asarray(mesh.uv, dtype=np.float32)
        vertices_of_mesh = np.asarray(mesh.vertices * np.asarray(self._scale), dtype=np.float32)
        return make_geom(vertices_of_mesh, np.asarray(mesh.triangles, dtype=np.int32), colours_of_mesh, uv)

    @property
    def visible(self) -> bool:
        """Whether it is drawn at all; set it to hide the thing for a while."""
        return not self._node.isStashed()

    @visible.setter
    def visible(self, on: bool) -> None:
        if on:
            self._node.unstash()
        else:
            self._node.stash()

    def remove(self) -> None:
        """Take it out of the world; may be called twice."""
        self._lit.clear()
        self._node.removeNode()
        self._forget(self)
