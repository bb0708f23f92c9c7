"""A scene as Panda3D nodes: static pieces under distance switches, sky and hills around the eye."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.render import atlas, panels, sky, textures
from envs.render.cells import Material, Piece, cut_meshes, cut_props
from envs.render.engine import Engine
from envs.render.geometry import (
    common_colour,
    flat_label_state,
    label_colours,
    label_texture_state,
    make_geom,
    make_label_texture,
    make_texture,
)
from envs.render.noise import to_bytes
from envs.render.scene import Colour, SceneDescription

BLOCK = 240.0
"""Side of the squares in which static pieces are culled together, metres."""
SHADOW_LIFT = 4
SKY_DEPTH = 64
"""Values of the depth buffer below this are sky."""
EVERY = (1 << 30) - 1
COLOUR_CAMERAS = (1 << 15) - 1
LABEL_CAMERAS = EVERY & ~COLOUR_CAMERAS
"""Camera mask bits: 15 for cameras of colour, 15 for those of segmentation. Shadows show in colour only, and props have
a twin for the segmentation: texels near a patch's edge could tell a wrong label, vertices cannot."""


class World:
    """The node tree of one scene, and the states with which each label is drawn.

    Args:
        scene: what to show.
        engine: the process's engine, for shared textures.
        near: distance of the near plane, metres.
        far: distance of the far plane, metres.
    """

    def __init__(self, scene: SceneDescription, engine: Engine, near: float, far: float) -> None:
        from panda3d import core

        self._core = core
        self._engine = engine
        self._depth_range = 1.0 - near / far
        self.root = core.NodePath("world")
        # With this range the stored depth is exactly proportional to 1 / distance and never wraps.
        self.root.setAttrib(core.DepthOffsetAttrib.make(0, 0.0, self._depth_range))
        # What stands still has a branch of its own, in blocks: a moving camera beside it would have Panda recompute the
        # bounds of all of it, and each block that is out of view is dismissed as one.
        self._static = self.root.attachNewNode("static")
        self._blocks: dict[tuple[int, int], Any] = {}
        self._tag_makers: dict[str, Callable[[], Any]] = {}
        self._tag_states: dict[str, Any] = {}
        self.origin = _origin(scene)
        self.origin_floats: tuple[float, float, float] = tuple(self.origin.tolist())
        self.ground: Colour = scene.sky.ground
        self._own_textures: dict[int, tuple[int, list[Any], NDArray[np.uint8]]] = {}
        for material, pieces in cut_meshes(scene.meshes, scene.sky):
            state, tag = self.material(material)
            self._add_pieces(pieces, state, tag)
        props, shadows = cut_props(scene.instances, scene.sky, scene.detail)
        for node in self._add_pieces(props, self.atlas_state(), None):
            node.hide(core.DrawMask(LABEL_CAMERAS))
        for node in self._add_pieces(shadows, self.shadow_state(), None):
            node.hide(core.DrawMask(LABEL_CAMERAS))
        self._unlabelled: list[Piece] = props
        self.around = self._sky(scene, near, far)

    def material(self, material: Material) -> tuple[Any, str]:
        """Render state and label tag of a mesh's material."""
        core = self._core
        state = core.RenderState.makeEmpty()
        tag = self._flat_tag(material.label)
        if material.texture is not None:
            texture, tag, holes = self._texture(material)
            state = state.addAttrib(core.TextureAttrib.make(texture))
            if holes:
                state = state.addAttrib(core.TransparencyAttrib.make(core.TransparencyAttrib.MBinary))
        if material.two_sided:
            state = state.addAttrib(core.CullFaceAttrib.make(core.CullFaceAttrib.MCullNone))
        if material.lift:
            state = state.addAttrib(core.DepthOffsetAttrib.make(material.lift, 0.0, self._depth_range))
        return state, tag

    def atlas_state(self) -> Any:
        """Render state of everything that is textured from the atlas, in colour."""
        texture = self._engine.cached_texture("atlas", lambda: make_texture("atlas", atlas.picture()))
        return self._cutout(texture)

    def atlas_label_state(self) -> Any:
        """Render state of the same things for segmentation: vertex colours say the label, the atlas cuts the holes."""
        return self._cutout(self._engine.cached_texture("atlas-white", _white_atlas))

    def _cutout(self, texture: Any) -> Any:
        core = self._core
        return core.RenderState.make(
            core.TextureAttrib.make(texture), core.TransparencyAttrib.make(core.TransparencyAttrib.MBinary)
        )

    def shadow_state(self) -> Any:
        """Render state of soft shadows: blended, and without a trace in the depth."""
        core = self._core
        texture = self._engine.cached_texture("shadow", lambda: make_texture("shadow", to_bytes(panels.shadow()), True))
        return core.RenderState.make(
            core.TextureAttrib.make(texture),
            core.TransparencyAttrib.make(core.TransparencyAttrib.MAlpha),
            core.DepthWriteAttrib.make(core.DepthWriteAttrib.MOff),
            core.DepthOffsetAttrib.make(SHADOW_LIFT, 0.0, self._depth_range),
        )

    def shadow(self, size: tuple[float, float], scale: float | tuple[float, float, float]) -> Any:
        """A soft shadow for something that moves, as a node in its body frame; seen by cameras of colour only."""
        core = self._core
        sx, sy, _ = scale if isinstance(scale, tuple) else (scale, scale, scale)
        x, y = size[0] * sx, size[1] * sy
        geom = make_geom(
            np.array(((-x, -y, 0.04), (x, -y, 0.04), (x, y, 0.04), (-x, y, 0.04)), dtype=np.float32),
            np.array(((0, 1, 2), (0, 2, 3)), dtype=np.int32),
            np.full((4, 3), 255, dtype=np.uint8),
            np.array(((0, 0), (1, 0), (1, 1), (0, 1)), dtype=np.float32),
        )
        node = core.GeomNode("shadow")
        node.addGeom(geom, self.shadow_state())
        core.NodePath(node).hide(core.DrawMask(LABEL_CAMERAS))
        return node

    def close(self) -> None:
        """Free everything."""
        self.around.removeNode()
        self.root.removeNode()
        self._blocks.clear()
        self._tag_makers.clear()
        self._tag_states.clear()
        self._own_textures.clear()

    def _flat_tag(self, label: int) -> str:
        tag = f"label-{int(label)}"
        self._tag_makers.setdefault(tag, lambda: flat_label_state(label))
        return tag

    def _texture(self, material: Material) -> tuple[Any, str, bool]:
        """Texture, label tag and whether it has holes."""
        if isinstance(material.texture, str):
            name = material.texture
            shared = self._engine.cached_texture(name, lambda: make_texture(name, textures.texture(name)))
            return shared, self._flat_tag(material.label), False
        pixels = material.texture
        assert pixels is not None
        holes = pixels.shape[2] == 4
        # The array is kept, so that its id stays its own.
        number, texture, _ = self._own_textures.setdefault(id(pixels), (len(self._own_textures), [], pixels))
        if not texture:
            texture.append(make_texture(f"own-{number}", pixels))
        labels = material.texture_labels
        if not holes and labels is None:
            return texture[0], self._flat_tag(material.label), holes
        tag = f"texture-{number}-{id(labels)}-{int(material.label)}"
        label = material.label

        def make_state() -> Any:
            marks = np.full(pixels.shape[:2], label, dtype=np.uint8) if labels is None else labels
            return label_texture_state(make_label_texture(tag, marks, pixels[..., 3] if holes else None))

        self._tag_makers.setdefault(tag, make_state)
        return texture[0], tag, holes

    def label_states(self) -> dict[str, Any]:
        """How segmentation draws the nodes of each label tag. Made when first asked for, like the props' twins."""
        self._add_twins()
        for tag, make in self._tag_makers.items():
            if tag not in self._tag_states:
                self._tag_states[tag] = make()
        return self._tag_states

    def _add_twins(self) -> None:
        state = self.atlas_label_state()
        twins = [
            replace(piece, colours=label_colours(piece.labels))
            for piece in self._unlabelled
            if piece.labels is not None
        ]
        self._unlabelled = []
        for node in self._add_pieces(twins, state, None):
            node.hide(self._core.DrawMask(COLOUR_CAMERAS))

    def _add_pieces(self, pieces: Sequence[Piece], state: Any, tag: str | None) -> list[Any]:
        """Nodes for the pieces, those with a distance range under a switch."""
        core = self._core
        nodes = []
        for piece in pieces:
            node = core.GeomNode("")
            vertices = piece.vertices - self.origin.astype(np.float32)
            common = common_colour(piece.colours)
            if common is None:
                node.addGeom(make_geom(vertices, piece.triangles, piece.colours, piece.uv), state)
            else:
                look = state.addAttrib(core.ColorAttrib.makeFlat(core.LColor(*common)))
                node.addGeom(make_geom(vertices, piece.triangles, None, piece.uv), look)
            if tag is not None:
                node.setTag("label", tag)
            parent = self._block(piece.centre)
            if piece.begin > 0 or piece.end is not None:
                switch = core.LODNode("")
                x, y, z = (float(c - o) for c, o in zip(piece.centre, self.origin, strict=True))
                switch.setCenter(core.LPoint3(x, y, z))
                switch.addSwitch(1e6 if piece.end is None else piece.end, piece.begin)
                parent = parent.attachNewNode(switch)
                parent.attachNewNode(node)
                nodes.append(parent)
            else:
                nodes.append(parent.attachNewNode(node))
        return nodes

    def _block(self, centre: tuple[float, float, float]) -> Any:
        """The node of the large square that this place lies in."""
        key = int(centre[0] // BLOCK), int(centre[1] // BLOCK)
        if key not in self._blocks:
            self._blocks[key] = self._static.attachNewNode("block")
        return self._blocks[key]

    def _sky(self, scene: SceneDescription, near: float, far: float) -> Any:
        """The dome with its hills under one node, which the renderer keeps at the eye."""
        core = self._core
        around = self.root.attachNewNode("sky")
        # Drawn last, and only where nothing is: its depth is squeezed beyond everything, still in proportion to
        # 1 / distance, which texturing needs.
        around.setDepthWrite(False)
        around.setBin("fixed", 0)
        squeeze = 0.5 * SKY_DEPTH * 0.25 * far / near * 2.0**-20
        depth = core.DepthOffsetAttrib.make(0, 1.0 - squeeze, 1.0 - squeeze * near / far)
        picture = make_texture("sky", sky.picture(scene.sky))
        self._tag_makers["sky"] = lambda: label_texture_state(
            make_label_texture("sky-labels", sky.labels(scene.sky), None)
        )
        state = core.RenderState.make(depth, core.TextureAttrib.make(picture))
        for shell in sky.dome():
            node = core.GeomNode("")
            # Well inside the far plane: only the direction counts.
            vertices = (shell.vertices * far * 0.5).astype(np.float32)
            node.addGeom(make_geom(vertices, shell.triangles, None, shell.uv.astype(np.float32)), state)
            node.setTag("label", "sky")
            around.attachNewNode(node)
        return around


def _origin(scene: SceneDescription) -> NDArray[np.float64]:
    """The middle of everything, in whole metres: vertices relative to it keep their precision as 32-bit numbers."""
    lows = [mesh.vertices.min(axis=0) for mesh in scene.meshes if len(mesh.vertices)]
    highs = [mesh.vertices.max(axis=0) for mesh in scene.meshes if len(mesh.vertices)]
    if scene.instances:
        places = np.array([item.position for item in scene.instances])
        lows.append(places.min(axis=0))
        highs.append(places.max(axis=0))
    if not lows:
        return np.zeros(3)
    return np.asarray(np.round((np.min(lows, axis=0) + np.max(highs, axis=0)) / 2).astype(np.float64))


def _white_atlas() -> Any:
    holes = atlas.picture().copy()
    holes[..., :3] = 255
    return make_texture("atlas-white", holes)
