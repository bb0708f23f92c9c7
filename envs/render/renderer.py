"""Pictures of a scene: colour, metric depth and segmentation.

::

    renderer = Renderer(scene)
    camera = renderer.camera(200, 78, fov=math.radians(90), channels={"rgb", "depth"})
    frame = camera.render(Pose.from_angles(x, y, 1.4, yaw))
    car = renderer.add("car", Pose.from_angles(5, 0, 0))    # moves with car.move(pose)
    renderer.close()

One process, one thread; any number of renderers, which share one engine. The same scene and pose give the same bytes in
every process on the same version of Panda3D.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from envs.render.actors import Actor
from envs.render.engine import Z_SCALE, Canvas, engine
from envs.render.errors import BadScene, RendererClosed
from envs.render.geometry import SKY_COLOUR
from envs.render.pose import Pose
from envs.render.scene import Colour, Mesh, SceneDescription
from envs.render.world import SKY_DEPTH, World

CHANNELS = frozenset({"rgb", "depth", "segmentation"})
_MOST_CAMERAS = 15
_REFERENCE_WIDTH = 200.0
"""Width of a 90 degree picture for which the distance bands of detail are made; wider pictures see detail further."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """What a camera saw; channels that were not asked for are None.

    Args:
        rgb: (H, W, 3) uint8 red, green, blue.
        depth: (H, W) float32 metres along the viewing axis (not along the ray); inf for the sky and its hills.
        segmentation: (H, W) uint8 `Label`.
    """

    rgb: NDArray[np.uint8] | None
    depth: NDArray[np.float32] | None
    segmentation: NDArray[np.uint8] | None


class Camera:
    """One picture size and lens in a world; made by `Renderer.camera`."""

    def __init__(
        self,
        renderer: Renderer,
        width: int,
        height: int,
        fov: float,
        channels: frozenset[str],
        supersample: int,
        index: int,
    ) -> None:
        from panda3d import core

        self.width, self.height, self.fov, self.channels = width, height, fov, channels
        self._renderer, self._samples, self._index = renderer, supersample, index
        world = renderer.world
        self._canvas: Canvas = renderer.engine.canvas(width * supersample, height * supersample)
        lens = _lens(self._canvas.width, self._canvas.height, fov, renderer.near, renderer.far)
        self._matrix = core.LMatrix4f
        self._rig = world.root.attachNewNode("camera")
        detail = (width / (2 * math.tan(fov / 2))) / (_REFERENCE_WIDTH / 2)
        self._colour = self._node(lens, 1 << index, detail)
        self._labels = None
        if "segmentation" in channels:
            self._labels = self._node(lens, 1 << (index + _MOST_CAMERAS), detail)
            self._labels.node().setTagStateKey("label")
            self.learn_labels()
        ground = world.ground
        self._background = (ground[0], ground[1], ground[2], 1.0)

    def _node(self, lens: Any, bit: int, detail: float) -> Any:
        from panda3d import core

        node = core.Camera("camera", lens)
        node.setCameraMask(core.DrawMask(bit))
        # Switching distances grow with the picture: at 800 pixels a tree is looked at from four times as far.
        node.setLodScale(1.0 / max(detail, 0.25))
        return self._rig.attachNewNode(node)

    def learn_labels(self) -> None:
        """Draw every kind of node of the world in the segmentation; called again when an object was added."""
        if self._labels is not None:
            for tag, state in self._renderer.world.label_states().items():
                self._labels.node().setTagState(tag, state)

    @property
    def index(self) -> int:
        """Its place among the renderer's cameras."""
        return self._index

    @property
    def intrinsics(self) -> NDArray[np.float64]:
        """The pinhole matrix (3, 3): pixel = K (right, down, forward) / forward, where pixel (0, 0) is the *corner* of
        the first pixel; integer pixel indices are the floor of it, pixel centres lie at + 0.5."""
        focal = self.width / (2 * math.tan(self.fov / 2))
        return np.array(((focal, 0, self.width / 2), (0, focal, self.height / 2), (0, 0, 1)))

    def project(self, pose: Pose, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Pixel positions (N, 2) right, down of world points (N, 3) by the pinhole model; nan behind the camera."""
        body = pose.to_body(points)
        forward = np.where(body[:, 0] > 0, body[:, 0], np.nan)
        focal = self.width / (2 * math.tan(self.fov / 2))
        return np.stack(
            (self.width / 2 - focal * body[:, 1] / forward, self.height / 2 - focal * body[:, 2] / forward), axis=1
        )

    def render(self, pose: Pose) -> Frame:
        """Draw the world from ``pose`` (of the camera itself, looking along its +x).

        Raises:
            RendererClosed: after the renderer's ``close()``.
        """
        renderer = self._renderer
        renderer.require_open()
        rotation, origin = pose.rotation.tolist(), renderer.world.origin_floats
        (fx, lx, ux), (fy, ly, uy), (fz, lz, uz) = rotation
        x, y, z = pose.position.tolist()
        x, y, z = x - origin[0], y - origin[1], z - origin[2]
        # Panda's cameras have x right, y forward, z up; its matrices hold the axes as rows.
        self._rig.setMat(self._matrix(-lx, -ly, -lz, 0, fx, fy, fz, 0, ux, uy, uz, 0, x, y, z, 1))
        renderer.world.around.setPos(x, y, z)
        rgb = depth = segmentation = None
        wants_depth = "depth" in self.channels
        if "rgb" in self.channels or wants_depth:
            self._canvas.draw(self._colour, self._background, wants_depth)
            if "rgb" in self.channels:
                rgb = self._rgb(self._canvas.pixels())
            if wants_depth:
                depth = self._metres(self._canvas.raw_depth())
        if self._labels is not None:
            self._canvas.draw(self._labels, SKY_COLOUR)
            segmentation = np.ascontiguousarray(self._middle(self._canvas.pixels()[..., 2]))
        return Frame(rgb, depth, segmentation)

    def _rgb(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if self._samples > 1:
            pixels = cv2.resize(pixels, (self.width, self.height), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        return cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGB)  # type: ignore[return-value]

    def _metres(self, raw: NDArray[np.uint32]) -> NDArray[np.float32]:
        raw = self._middle(raw)
        depth = np.full(raw.shape, np.inf, dtype=np.float32)
        np.divide(np.float32(self._renderer.near * Z_SCALE), raw, out=depth, where=raw > 0, casting="same_kind")
        return depth

    def _middle(self, image: NDArray[Any]) -> NDArray[Any]:
        """The middle one of each pixel's samples: depths and labels must not be mixed."""
        step = self._samples
        return image if step == 1 else image[step // 2 :: step, step // 2 :: step]

    def remove(self) -> None:
        """Take the camera's nodes out of the world."""
        self._rig.removeNode()


class Renderer:
    """Draws one scene; see the module's docstring.

    Args:
        scene: what stands still.
        near: metres in front of the eye from which on things are drawn.
        far: metres up to which they are.

    Raises:
        RendererUnavailable: the machine lacks something; the message says what.
        BadScene: the scene cannot be drawn.
    """

    def __init__(self, scene: SceneDescription, near: float = 0.3, far: float = 400.0) -> None:
        if not 0 < near < far:
            raise BadScene(f"the near plane must lie before the far plane, got near={near} m, far={far} m")
        if far > near * Z_SCALE / SKY_DEPTH / 2:
            raise BadScene(f"far must be at most {Z_SCALE / SKY_DEPTH / 2:.0f} times near, got {far} m and {near} m")
        self.engine = engine()
        self.near, self.far = float(near), float(far)
        self.sky = scene.sky
        self.world = World(scene, self.engine, self.near, self.far)
        self._cameras: list[Camera] = []
        self._actors: set[Actor] = set()
        self._open = True

    def camera(
        self,
        width: int,
        height: int,
        fov: float,
        channels: Collection[str] = ("rgb",),
        supersample: int = 1,
    ) -> Camera:
        """A camera of ``width`` x ``height`` pixels with a horizontal field of view ``fov`` (radians).

        Args:
            width: pixels.
            height: pixels.
            fov: horizontal, radians; pixels are square.
            channels: any of "rgb", "depth", "segmentation".
            supersample: draw this many times larger and average: smoother, and slower by its square.

        Raises:
            BadScene: a size, angle or channel makes no sense.
        """
        self.require_open()
        unknown = set(channels) - CHANNELS
        if unknown or not channels:
            raise BadScene(f"unknown channel {sorted(unknown)}; there are: depth, rgb, segmentation")
        if not (1 <= width * supersample <= 4096 and 1 <= height * supersample <= 4096 and supersample >= 1):
            raise BadScene(
                f"a picture of {width} x {height} (x {supersample} samples) is not between 1 and 4096 pixels"
            )
        if not 0.0 < fov < math.radians(170):
            raise BadScene(f"the field of view must be between 0 and 170 degrees, got {math.degrees(fov):.1f}")
        if len(self._cameras) >= _MOST_CAMERAS:
            raise BadScene(f"a renderer has at most {_MOST_CAMERAS} cameras; make them once and render often")
        camera = Camera(self, width, height, fov, frozenset(channels), supersample, len(self._cameras))
        self._cameras.append(camera)
        return camera

    def add(
        self,
        what: str | Mesh,
        pose: Pose,
        *,
        tint: Colour = (1.0, 1.0, 1.0),
        variant: int = 0,
        scale: float | tuple[float, float, float] = 1.0,
        cameras: Iterable[Camera] | None = None,
    ) -> Actor:
        """Something that moves: a prop by name, or a mesh in its own body frame; give it back with ``remove()``.

        Args:
            what: one of `KINDS`, or a mesh.
            pose: where it is at first.
            tint: as in `Instance`.
            variant: as in `Instance`.
            scale: size factor, or one per body axis.
            cameras: those that see it; None = all.
        """
        self.require_open()
        indices = None if cameras is None else [camera.index for camera in cameras]
        actor = Actor(self.world, self.sky, what, tint, variant, scale, indices, self._actors.discard)
        self._actors.add(actor)
        for camera in self._cameras:
            camera.learn_labels()
        actor.move(pose)
        return actor

    def require_open(self) -> None:
        """Raise `RendererClosed` after ``close()``."""
        if not self._open:
            raise RendererClosed("this renderer was closed; make a new Renderer(scene)")

    def close(self) -> None:
        """Free the world's geometry, textures and cameras; may be called twice."""
        if not self._open:
            return
        self._open = False
        for actor in list(self._actors):
            actor.remove()
        for camera in self._cameras:
            camera.remove()
        self._cameras.clear()
        self.world.close()


def _lens(width: int, height: int, fov: float, near: float, far: float) -> Any:
    """A pinhole whose pixels are exactly where the model says.

    The software renderer maps the film to ``size - 0.5`` pixels, counted from the bottom left corner, and rounds down.
    The film is therefore cut by half a pixel at the right and at the top: the floor of the ideal position remains.
    """
    from panda3d import core

    lens = core.PerspectiveLens()
    pixel = 2 * math.tan(fov / 2) / width
    lens.setFocalLength(1.0)
    lens.setFilmSize(pixel * (width - 0.5), pixel * (height - 0.5))
    lens.setFilmOffset(-0.25 * pixel, -0.25 * pixel)
    lens.setNearFar(near, far)
    return lens
