"""Where cameras take their pictures: the embedded world's renderer with the actors in it.

A renderer keeps its cameras, 15 at most, and a process keeps a canvas for every size that it ever drew. Sensors of the
same size and lens therefore share a camera; when a map has run out of them its renderer is opened anew; and the number
of different sizes in the life of a server is bounded.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from envs.carla.errors import Refused
from envs.carla.server import limits
from envs.carla.server.sensors import figures
from envs.carla.server.world.actors import Actor
from envs.carla.server.world.lights import TrafficLight
from envs.carla.server.world.vehicle import Vehicle
from envs.render.labels import Label
from envs.render.pose import Pose

if TYPE_CHECKING:
    from envs.carla.server.world.maps import Map
    from envs.carla.server.world.simulation import Simulation
    from envs.render.actors import Actor as Figure
    from envs.render.renderer import Camera, Frame

_CAMERAS = 15
_SIZES = 48
_CANVAS_PIXELS = 64 * 1024 * 1024
_INSIDE = 1.0
"""Metres around a vehicle's box within which a camera counts as built in and does not see the vehicle: the embedded
world's camera does not see its own car either."""

MOVABLE = (Label.PEDESTRIANS, Label.CAR, Label.TRUCK, Label.BUS, Label.MOTORCYCLE, Label.BICYCLE)
"""What actors can be labelled."""

Format = tuple[int, int, float, frozenset[str]]


class Studio:
    """Draws one map at a time."""

    def __init__(self) -> None:
        self._map: Map | None = None
        self._cameras: dict[Format, Camera] = {}
        self._figures: dict[int, list[Figure]] = {}
        self._posed: tuple[int, int] | None = None
        self._sizes: set[tuple[int, int]] = set()

    def enter(self, map_: Map) -> None:
        """Draw this map from now on."""
        self.leave()
        self._map = map_

    def leave(self) -> None:
        """Free what the present map needs."""
        self._figures.clear()
        self._cameras.clear()
        self._posed = None
        if self._map is not None:
            self._map.close()
        self._map = None

    def empty(self) -> None:
        """Take every actor out of the pictures: a new episode on the same map."""
        for parts in self._figures.values():
            for part in parts:
                part.remove()
        self._figures.clear()
        self._posed = None

    def book(self, width: int, height: int, fov: float) -> None:
        """Check that pictures of this size (pixels) and lens (degrees) can be taken; Refused if not."""
        side, pixels = limits.PICTURE_SIDE, limits.PICTURE_PIXELS
        if not (1 <= width <= side and 1 <= height <= side and width * height <= pixels):
            raise Refused(f"a picture of {width} x {height}: at most {side} a side and {pixels} pixels")
        if not 1.0 <= fov < 170.0:
            raise Refused(f"a field of view of {fov:g} degrees: this server draws 1 to 170")
        if (width, height) in self._sizes:
            return
        if len(self._sizes) >= _SIZES or sum(w * h for w, h in self._sizes) + width * height > _CANVAS_PIXELS:
            raise Refused("this server has drawn too many different picture sizes; restart it or use an earlier size")
        self._sizes.add((width, height))

    def shoot(
        self,
        world: Simulation,
        eye: Pose,
        holder: Actor | None,
        width: int,
        height: int,
        fov: float,
        more: frozenset[str],
    ) -> Frame:
        """What a camera at ``eye`` sees.

        Args:
            world: the episode.
            eye: the camera.
            holder: what it is attached to.
            width, height: pixels.
            fov: horizontal, degrees.
            more: channels of the frame.
        """
        camera = self._camera((width, height, fov, more))
        self._pose(world)
        hidden = self._figures.get(holder.identity, []) if holder is not None and _inside(holder, eye) else []
        for part in hidden:
            part.visible = False
        try:
            return camera.render(eye)
        finally:
            for part in hidden:
                part.visible = True

    def _camera(self, wanted: Format) -> Camera:
        assert self._map is not None
        if wanted not in self._cameras:
            if len(self._cameras) >= _CAMERAS:
                self._map.driving.close()
                self._cameras.clear()
                self._figures.clear()
                self._posed = None
            width, height, fov, channels = wanted
            renderer = self._map.driving.open_renderer()
            self._cameras[wanted] = renderer.camera(width, height, math.radians(fov), channels)
        return self._cameras[wanted]

    def _pose(self, world: Simulation) -> None:
        """Move every figure to where its actor is, once a frame."""
        stamp = world.episode, world.frame
        if stamp == self._posed:
            return
        self._posed = stamp
        shown: set[int] = set()
        for actor in world.bodies:
            shown.add(actor.identity)
            parts = self._figures.get(actor.identity)
            pose = actor.place.pose()
            if parts is None:
                self._figures[actor.identity] = [self._figure(actor, pose)]
            else:
                parts[0].move(pose)
        for light in world.lights.lights:
            shown.add(light.identity)
            self._light(light)
        for gone in self._figures.keys() - shown:
            for part in self._figures.pop(gone):
                part.remove()

    def _figure(self, actor: Actor, pose: Pose) -> Figure:
        assert self._map is not None
        renderer = self._map.driving.open_renderer()
        if isinstance(actor, Vehicle) and figures.is_car(actor):
            scale, tint = figures.car_scale(actor), figures.paint(actor)
            return renderer.add("car", pose, tint=tint, variant=figures.WHITE_CAR, scale=scale)
        return renderer.add(figures.body(actor), pose)

    def _light(self, light: TrafficLight) -> None:
        assert self._map is not None
        height = max(2.5, light.signal.height)
        parts = self._figures.get(light.identity)
        if parts is None:
            renderer, pose = self._map.driving.open_renderer(), light.place.pose()
            meshes = [figures.light_pole(height), *(figures.lamp(height, number) for number in range(3))]
            parts = self._figures[light.identity] = [renderer.add(mesh, pose) for mesh in meshes]
        for number, part in enumerate(parts[1:]):
            part.visible = number == light.colour


def _inside(holder: Actor, eye: Pose) -> bool:
    offset = np.abs(holder.place.pose().to_body(eye.position) - np.array(holder.box.centre))
    return bool((offset < np.array(holder.box.extent) + _INSIDE).all())


def owners(world: Simulation, points: NDArray[np.float64], holder: Actor | None) -> NDArray[np.uint32]:
    """Which actor each world point (N, 3) belongs to: its id, 0 for none; ``holder`` is not looked at."""
    found = np.zeros(len(points), dtype=np.uint32)
    for actor in world.bodies:
        if actor is holder:
            continue
        pose = actor.place.pose()
        offset = points - (pose.position + pose.rotation @ np.array(actor.box.centre))
        reach = math.hypot(*actor.box.extent) + 0.3
        near = np.flatnonzero((offset**2).sum(1) < reach * reach)
        if len(near):
            inside = (np.abs(offset[near] @ pose.rotation) < np.array(actor.box.extent) + 0.2).all(1)
            found[near[inside]] = actor.identity
    return found
