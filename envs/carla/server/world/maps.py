"""The maps of a server: ours by name, files by path, and the text that a client sent."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from envs.carla.errors import Refused
from envs.carla.frames import Place
from envs.carla.server import limits
from envs.carla.server.world.ground import Ground
from envs.carla.server.world.signals import Extras, read_extras
from envs.driving.themes import theme as find_theme
from envs.driving.world import DrivingWorld
from liquid_pilot.errors import LiquidPilotError
from scenarios import maps

if TYPE_CHECKING:
    from envs.road import RoadNetwork

OPENDRIVE_MAP = "OpenDriveMap"
"""Name under which CARLA loads the text that a client sent before."""
_FOLDER = "/Game/Carla/Maps/"
_SPAWN_EVERY = 40.0
_SPAWN_MOST = 400
_SPAWN_HEIGHT = 0.3
"""Metres above the road: spawn points of CARLA float, too."""


def available() -> list[str]:
    """The names that `get_available_maps` gives."""
    return [f"{_FOLDER}{name}" for name in maps.shipped()]


@dataclass(frozen=True)
class MapSource:
    """A map as text, and what the land around it looks like; a theme of "" follows the map's name."""

    name: str
    text: str
    theme: str
    seed: int

    def build(self) -> Map:
        """Parse it. Raises Refused when the text is no usable map."""
        try:
            theme = self.theme or ("town" if self.name.lower().startswith("town") else "meadow")
            driving = DrivingWorld(self.name, self.text, theme, self.seed)
            extras = read_extras(self.text)
            if extras.surroundings is not None:
                find_theme(extras.surroundings[0])
                driving.theme, driving.seed, driving.recolour = extras.surroundings
            find_theme(driving.theme)
        except LiquidPilotError as error:
            raise Refused(str(error)) from error
        length = sum(road.length for road in driving.network.roads.values())
        if length > limits.MAP_LENGTH:
            raise Refused(f"{self.name}: {length / 1000:.0f} km of road, more than {limits.MAP_LENGTH / 1000:.0f} km")
        return Map(self.name, self.text, driving, extras)


def find(name: str, theme: str, seed: int, files: bool) -> MapSource:
    """A map by a name as CARLA writes it, or by the path of an OpenDRIVE file.

    Args:
        name: ``town-1``, ``/Game/Carla/Maps/town-1``, ``roads/mine.xodr``.
        theme, seed: of the surroundings.
        files: whether files of this machine may be read: a client elsewhere sends its text instead.
    """
    if name.endswith(".xodr"):
        if not files:
            raise Refused(f"{name!r}: only clients on the server's own machine load files; send it as OpenDRIVE text")
        return MapSource(Path(name).stem, _read(Path(name)), theme, seed)
    short = name.rsplit("/", 1)[-1]
    if short not in maps.shipped():
        raise Refused(f"map {name[:80]!r} not found; this server has {', '.join(maps.shipped())}, or any .xodr file")
    return MapSource(short, maps.read(short), theme, seed)


def _read(path: Path) -> str:
    try:
        if not path.is_file():
            raise Refused(f"{path}: there is no such file")
        if path.stat().st_size > limits.MESSAGE_BYTES:
            raise Refused(f"{path}: larger than {limits.MESSAGE_BYTES} bytes")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{path}: cannot be read as text ({type(error).__name__})") from error


class Map:
    """A loaded map: the embedded driving world of it, and what CARLA needs besides."""

    def __init__(self, name: str, text: str, driving: DrivingWorld, extras: Extras) -> None:
        self.name, self.text, self.driving, self.extras = name, text, driving, extras

    @property
    def network(self) -> RoadNetwork:
        """Its roads."""
        return self.driving.network

    @cached_property
    def ground(self) -> Ground:
        """Its road surface."""
        return Ground(self.network, self.extras.limits)

    @cached_property
    def spawn_points(self) -> tuple[Place, ...]:
        """Where cars may be put: on driving lanes outside junctions, every 40 m, in the order of the map."""
        found: list[Place] = []
        for piece in self.network.pieces:
            road = self.network.roads[piece.road]
            enters, leaves = self.network.span(piece)
            length = abs(leaves - enters)
            if road.junction is not None or length < 12.0:
                continue
            count = max(1, int((length - 12.0) / _SPAWN_EVERY) + 1)
            for number in range(count):
                s = enters + np.sign(leaves - enters) * (6.0 + number * (length - 12.0) / max(count, 1))
                path = road.lane_path(piece.section, piece.lane, np.array([s]))
                heading = float(path.heading[0]) + (0.0 if piece.forward else np.pi)
                x, y, z = float(path.x[0]), float(path.y[0]), float(path.z[0])
                if float(path.half_width[0]) > 1.0:
                    pitch = float(np.arctan(path.slope[0])) * (1.0 if piece.forward else -1.0)
                    found.append(Place(x, y, z + _SPAWN_HEIGHT, heading, pitch))
        step = max(1, -(-len(found) // _SPAWN_MOST))
        return tuple(found[::step])

    def close(self) -> None:
        """Free the renderer."""
        self.driving.close()
