"""Driving worlds: a road network with its surroundings, built once and shared by all environments of a process.

A world is heavy (parsed map, scene, renderer), its construction takes tenths of a second, and episodes hop between
worlds. `WorldCache` therefore keeps the last few, and closes what nobody drives in any more: a process may visit any
number of worlds and stays as small as it began.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.driving.obstacles import ObstacleGrid
from envs.keeper import Keeper
from envs.road import LaneRef, Route, RouteError, default_start, parse_map, plan_route

if TYPE_CHECKING:
    from envs.effects.weather import WeatherLook
    from envs.render.actors import Actor
    from envs.render.pose import Pose
    from envs.render.renderer import Camera, Frame, Renderer
    from envs.render.scene import Instance, SceneDescription
    from scenarios.schema import CameraSpec, RouteSpec, Scenario

LEAST_AHEAD = 100.0
"""Metres that a random start leaves to drive when the scenario names no route length (at most half the road)."""

NEAR, FAR = 0.3, 300.0
"""Clipping planes of every driving camera, m."""

PALEST = 2.0
"""Times ``recolour``: how pale the land may get (`envs.render.recolour`). Networks that had seen no land paler than
grass got lost in a desert."""

OUTSIDE_FOV = math.radians(70.0)
"""Lens of the view of the car."""


class Way(NamedTuple):
    """A route and the places on it where an episode may begin."""

    route: Route
    begin_last: float
    """Starts lie in 0 .. this, metres along the route."""
    length: float | None
    """Metres that an episode drives; None: to the route's end."""
    crossings: tuple[tuple[float, float], ...] = ()
    """Where the route passes through a junction: (from, to) in metres along it."""

    def finish(self, begin: float) -> float:
        """Where an episode that begins at ``begin`` is completed, metres along the route."""
        return self.route.length if self.length is None else min(begin + self.length, self.route.length)


@dataclass(frozen=True)
class WorldKey:
    """What makes two worlds the same."""

    map_digest: str
    theme: str
    seed: int
    recolour: float


class DrivingWorld:
    """A map with its surroundings. What is expensive is made when it is first asked for.

    Args:
        name: the road's name, for messages and ``info``.
        text: OpenDRIVE.
        theme: look of the land, one of the scenarios' themes.
        seed: of the surroundings.
        recolour: 0..1, how far their colours are drawn at random, see `envs.render.recolour`.

    Raises MapError when the text is no usable road map.
    """

    def __init__(self, name: str, text: str, theme: str, seed: int, recolour: float = 0.0) -> None:
        self.name = name
        self.theme = theme
        self.seed = seed
        self.recolour = recolour
        self.network = parse_map(text, name)
        self._ways: dict[tuple[RouteSpec, bool], Way] = {}
        self._renderer: Renderer | None = None
        self._cameras: dict[tuple[int, int, float, frozenset[str]], Camera] = {}
        self._outside: tuple[Camera, Actor] | None = None

    def way(self, spec: RouteSpec, random_start: bool) -> Way:
        """The route of a scenario. Raises RouteError when it leaves the map or names what the map does not have."""
        key = (spec, random_start)
        if key not in self._ways:
            way = self._plan(spec, random_start)
            self._ways[key] = way._replace(crossings=self._crossings(way.route))
        return self._ways[key]

    def _plan(self, spec: RouteSpec, random_start: bool) -> Way:
        length = spec.length_m
        if spec.start is not None:
            start = LaneRef(spec.start.road, spec.start.lane, spec.start.s)
        else:
            start = default_start(self.network, None if random_start else length)
        if not random_start:
            return Way(plan_route(self.network, start, length, spec.via), 0.0, length)
        whole = plan_route(self.network, start, None, spec.via)
        if length is None:
            return Way(whole, whole.length - min(LEAST_AHEAD, 0.5 * whole.length), None)
        if length <= whole.length and not whole.closed:
            return Way(whole, whole.length - length, length)
        # Round a loop an episode may begin anywhere; a road that simply ends too early is an error.
        try:
            return Way(plan_route(self.network, start, whole.length + length, spec.via), whole.length, length)
        except RouteError:
            return Way(plan_route(self.network, start, length, spec.via), 0.0, length)

    def _crossings(self, route: Route) -> tuple[tuple[float, float], ...]:
        entered = [*(s for _, _, s in route.lanes), route.length]
        roads = (self.network.roads[road] for road, _, _ in route.lanes)
        return tuple(
            (begin, min(end, route.length))
            for road, begin, end in zip(roads, entered, entered[1:], strict=False)
            if road.junction is not None and begin < route.length
        )

    @cached_property
    def scene(self) -> SceneDescription:
        """Everything that stands still: road surface, land, trees, houses, sky."""
        from envs.driving.scenery import build_scene
        from envs.render.recolour import recoloured

        scene = build_scene(self.network, self.theme, self.seed)
        return recoloured(scene, self.recolour, self.seed, palest=PALEST * self.recolour)

    @property
    def instances(self) -> Sequence[Instance]:
        """Trees, houses and what else stands there."""
        return self.scene.instances

    @cached_property
    def obstacles(self) -> ObstacleGrid:
        """What a car can run into."""
        return ObstacleGrid(self.scene.obstacles)

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

        return WeatherLook(self.scene.sky, self.seed, street_lamps(self.scene.instances))

    def frame(self, spec: CameraSpec, eye: Pose, more: frozenset[str] = frozenset()) -> Frame:
        """What a camera at ``eye`` sees: always ``rgb``, and the channels in ``more`` (depth, segmentation).

        Environments share the cameras: pictures are taken one at a time.
        """
        key = (spec.width, spec.height, spec.fov_deg, more)
        if key not in self._cameras:
            angle = math.radians(spec.fov_deg)
            self._cameras[key] = self.open_renderer().camera(spec.width, spec.height, angle, more | {"rgb"})
        return self._cameras[key].render(eye)

    def picture(self, spec: CameraSpec, eye: Pose) -> NDArray[np.uint8]:
        """What a camera at ``eye`` sees in clear weather, (height, width, 3) uint8 RGB."""
        return _rgb(self.frame(spec, eye))

    def view_of(self, car: Pose, eye: Pose, width: int, height: int) -> NDArray[np.uint8]:
        """A picture (height, width, 3) uint8 RGB from ``eye`` with the car in it, which no other camera ever sees."""
        if self._outside is None:
            camera = self.open_renderer().camera(width, height, OUTSIDE_FOV)
            self._outside = camera, self.open_renderer().add("car", car, cameras=(camera,))
        camera, actor = self._outside
        actor.move(car)
        return _rgb(camera.render(eye))

    def close(self) -> None:
        """Free the renderer; the world may still be asked for routes, or be drawn again (at a price)."""
        self._cameras.clear()
        self._outside = None
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None


def _rgb(frame: Frame) -> NDArray[np.uint8]:
    assert frame.rgb is not None  # these cameras have the rgb channel
    return frame.rgb


class WorldCache(Keeper[WorldKey, DrivingWorld]):
    """The last worlds that were driven in, in this process."""

    def take(self, scenario: Scenario, episode_seed: int, user: object) -> DrivingWorld:
        """The world of a scenario's episode, in use by ``user`` until `give_back`. Raises MapError, ScenarioError."""
        resolved = scenario.for_episode(episode_seed)
        name, text = resolved.map_text(episode_seed)
        look = resolved.surroundings
        key = WorldKey(hashlib.sha256(text.encode()).hexdigest(), look.theme, look.seed, look.recolour)
        return self.borrow(key, lambda: DrivingWorld(name, text, look.theme, look.seed, look.recolour), user)


WORLDS = WorldCache()
"""The worlds of this process."""
