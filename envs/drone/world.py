"""Worlds to fly in: one scene that is drawn, collided with and measured, built once and shared within a process."""

from __future__ import annotations

import math
from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from envs.drone.bullet import pybullet
from envs.drone.course import draw_line
from envs.drone.hulls import Cylinders, hulls, solid
from envs.drone.land import HOUSES, LandSpec, build_land
from envs.keeper import Keeper
from envs.render.cells import place_model
from envs.render.pose import Pose
from envs.render.props import prop

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envs.effects.weather import WeatherLook
    from envs.render.actors import Actor
    from envs.render.renderer import Camera, Frame, Renderer
    from envs.render.scene import Instance, Mesh, SceneDescription
    from scenarios.flight import FlightScenario
    from scenarios.schema import CameraSpec

NEAR, FAR = 0.1, 250.0
"""Clipping planes of every camera on a drone, m."""

_OUTSIDE_FOV = math.radians(70.0)


class Shown(NamedTuple):
    """The target as it is drawn in one picture; compared by identity, of itself and of its mesh."""

    mesh: Mesh
    pose: Pose
    visible: bool


_ORIGIN = (0.0, 0.0, 0.0)


class Soup(NamedTuple):
    """Triangles as PyBullet takes them."""

    vertices: list[list[float]]
    indices: list[int]


class DroneWorld:
    """A land. What is expensive is made when it is first asked for.

    Args:
        spec: what it is like.
    """

    def __init__(self, spec: LandSpec) -> None:
        self.spec = spec
        self._renderer: Renderer | None = None
        self._cameras: dict[tuple[int, int, float, frozenset[str]], Camera] = {}
        self._outside: tuple[Camera, Actor] | None = None
        self._target: tuple[Mesh, Actor] | None = None
        self._shown: Shown | None = None

    @property
    def name(self) -> str:
        """For messages and ``info``."""
        return f"{self.spec.theme}-{self.spec.seed}"

    @cached_property
    def scene(self) -> SceneDescription:
        """Everything that stands still, the target excepted."""
        return build_land(self.spec)

    @cached_property
    def cylinders(self) -> Cylinders:
        """The room that all obstacles take, for distances."""
        return hulls(self.scene.instances, HOUSES)

    @cached_property
    def _soups(self) -> dict[str, Soup]:
        items = [item for item in self.scene.instances if solid(item.kind)]
        soups = {
            "tree": self._soup(item for item in items if item.kind not in HOUSES),
            "building": self._soup(item for item in items if item.kind in HOUSES),
        }
        return {name: soup for name, soup in soups.items() if soup.indices}

    def _soup(self, items: Iterable[Instance]) -> Soup:
        looks: dict[tuple[str, int], list[Instance]] = defaultdict(list)
        for item in items:
            looks[item.kind, item.variant].append(item)
        vertices: list[list[float]] = []
        indices: list[int] = []
        for (kind, variant), alike in looks.items():
            model = prop(kind, variant).near
            places = place_model(model, alike, self.scene.sky)[0]
            first = len(vertices) + len(model.vertices) * np.arange(len(alike))
            indices += (model.triangles.ravel() + first[:, None]).ravel().tolist()
            vertices += places.reshape(-1, 3).tolist()
        return Soup(vertices, indices)

    def furnish(self, client: int) -> dict[int, str]:
        """Put everything solid into an empty PyBullet world; gives what each body is: ground, tree or building.

        All trees are one body of triangles, exactly those that are drawn near by, and all houses are another: a
        thousand triangles cost no more at a step than one.
        """
        ground = pybullet.createCollisionShape(pybullet.GEOM_PLANE, physicsClientId=client)
        bodies = {_stand(client, ground): "ground"}
        for name, soup in self._soups.items():
            bodies[add_triangles(client, soup)] = name
        return bodies

    def open_renderer(self) -> Renderer:
        """The renderer of this world, made at the first call; RendererUnavailable when the machine cannot have one."""
        if self._renderer is None:
            from envs.render.renderer import Renderer

            self._renderer = Renderer(self.scene, near=NEAR, far=FAR)
        return self._renderer

    @cached_property
    def look(self) -> WeatherLook:
        """What weather makes of the pictures of this world."""
        from envs.effects.weather import WeatherLook, street_lamps

        return WeatherLook(self.scene.sky, self.spec.seed, street_lamps(self.scene.instances))

    def frame(self, camera: CameraSpec, eye: Pose, more: frozenset[str], target: Shown) -> Frame:
        """What a camera at ``eye`` sees: always ``rgb``, and the channels in ``more`` (depth, segmentation).

        Environments share the world and its cameras, so each says with every picture where its target is.
        """
        key = (camera.width, camera.height, camera.fov_deg, more)
        if key not in self._cameras:
            angle = math.radians(camera.fov_deg)
            self._cameras[key] = self.open_renderer().camera(camera.width, camera.height, angle, more | {"rgb"})
        self._show(target)
        return self._cameras[key].render(eye)

    def view_of(self, drone: Pose, eye: Pose, width: int, height: int, target: Shown) -> npt.NDArray[np.uint8]:
        """A picture (height, width, 3) uint8 RGB from ``eye`` with the drone in it, which no other camera ever sees."""
        if self._outside is None:
            from envs.drone.picture import drone_mesh

            camera = self.open_renderer().camera(width, height, _OUTSIDE_FOV)
            self._outside = camera, self.open_renderer().add(drone_mesh(), drone, cameras=(camera,))
        camera, actor = self._outside
        actor.move(drone)
        self._show(target)
        rgb = camera.render(eye).rgb
        assert rgb is not None  # this camera has no other channel
        return rgb

    def _show(self, target: Shown) -> None:
        if self._shown is target:
            return
        if self._target is None or self._target[0] is not target.mesh:
            if self._target is not None:
                self._target[1].remove()
            self._target = target.mesh, self.open_renderer().add(target.mesh, target.pose)
        actor = self._target[1]
        actor.visible = target.visible
        actor.move(target.pose)
        self._shown = target

    def close(self) -> None:
        """Free the renderer; the world may still be asked for its obstacles, or be drawn again (at a price)."""
        self._cameras.clear()
        self._outside = None
        self._target = self._shown = None
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None


# PyBullet 3.2.7 never lets go of the lists that it is given here (nor of those in them), so it always gets the same.
_POOL: list[list[float]] = []
_VERTICES: list[list[float]] = []
_INDICES: list[int] = []


def add_triangles(client: int, soup: Soup, position: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> int:
    """A body of triangles that never moves by itself; gives its id."""
    _POOL.extend([0.0, 0.0, 0.0] for _ in range(len(soup.vertices) - len(_POOL)))
    for corner, place in zip(_POOL, soup.vertices, strict=False):
        corner[:] = place
    _VERTICES[:], _INDICES[:] = _POOL[: len(soup.vertices)], soup.indices
    shape = pybullet.createCollisionShape(
        pybullet.GEOM_MESH,
        vertices=_VERTICES,
        indices=_INDICES,
        flags=pybullet.GEOM_FORCE_CONCAVE_TRIMESH,
        physicsClientId=client,
    )
    for corner in _VERTICES:
        corner[:] = _ORIGIN
    _VERTICES.clear()
    _INDICES.clear()
    return _stand(client, shape, position)


def _stand(client: int, shape: int, position: tuple[float, float, float] = _ORIGIN) -> int:
    # A plain rigid body costs 0.2 us less at every step than one that could have joints ("multi-body").
    return int(
        pybullet.createMultiBody(0.0, shape, basePosition=position, useMaximalCoordinates=True, physicsClientId=client)
    )


class DroneWorlds(Keeper[LandSpec, DroneWorld]):
    """The last worlds that were flown in, in this process."""

    def take(self, scenario: FlightScenario, episode_seed: int, user: object) -> DroneWorld:
        """The world of a scenario's episode, in use by ``user`` until `give_back`."""
        resolved = scenario.for_episode(episode_seed)
        world = resolved.world
        assert isinstance(world.seed, int)  # for_episode sees to it
        barred = scenario.obstacles.count > 0
        spec = LandSpec(
            theme=world.theme,
            seed=world.seed,
            radius=world.radius_m,
            trees=world.trees_per_hectare,
            buildings=world.buildings,
            recolour=world.recolour,
            recolour_from=world.recolour_from,
            line=draw_line(resolved, resolved.course_seed(episode_seed)) if barred else None,
            barriers=scenario.obstacles if barred else None,
        )
        return self.borrow(spec, lambda: DroneWorld(spec), user)


WORLDS = DroneWorlds()
"""The worlds of this process."""
