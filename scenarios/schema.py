"""What a scenario says: road, route, start pose, surroundings, weather, faults, camera and limits.

The models are the file format: a YAML file with exactly these keys (:mod:`scenarios.loader` reads it), and unknown
keys are errors. Everything is frozen; nothing here draws a random number except by ``generator(seed, purpose)``.
Weather and faults have modules of their own, :mod:`scenarios.weather` and :mod:`scenarios.faults`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from liquid_pilot.randomness import derive_seed
from scenarios.document import Document, OneLine
from scenarios.errors import MapError
from scenarios.faults import FaultSpec
from scenarios.maps.styles import Style
from scenarios.part import OrText, Part
from scenarios.weather import WeatherField, WeatherPlan

TRAIN_THEMES = ("meadow", "forest", "village")
"""Surroundings that training may see."""
HELDOUT_THEMES = ("autumn", "alpine", "desert", "town")
"""Surroundings that only evaluation sees."""

Theme = Literal["meadow", "forest", "village", "autumn", "alpine", "desert", "town", "train", "heldout"]
Split = Literal["train", "validation", "heldout", "weather", "fault", "drift", "worst", "demo"]

NO_CRASH_SPEED = 5.0 / 3.6
"""m/s; CARLA's NoCrash benchmark allows the time that the route takes at 5 km/h (Codevilla et al. 2019, section 4)."""
TIME_ALLOWANCE = 20.0
"""s, on top of the above, so that very short routes leave time to set off."""


def _as_text(value: object) -> object:
    # OpenDRIVE ids are strings, yet nearly always digits, and `road: 7` in YAML is a number.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


RoadId = Annotated[str, BeforeValidator(_as_text), Field(min_length=1), OrText({"type": "integer"})]


class SeedFamily(Part):
    """Many roads in one scenario: the episode's seed picks ``first + seed mod count``."""

    first: int = Field(ge=0)
    """The first road seed of the family."""
    count: int = Field(ge=1)
    """How many consecutive road seeds belong to it. Consecutive episode seeds visit each once, then start again."""


class GeneratedRoad(Part):
    """A road from :func:`scenarios.maps.generate`."""

    seed: int | SeedFamily
    """The road's seed (>= 0), or a family of seeds."""
    style: Style = "mixed"
    """What kind of road."""
    length_m: float = Field(default=2000.0, ge=200.0, le=20000.0)
    """Length of the road in metres, about (a `town` ends after whole blocks)."""

    @model_validator(mode="after")
    def _seed_not_negative(self) -> GeneratedRoad:
        if isinstance(self.seed, int) and self.seed < 0:
            raise ValueError(f"seed must be >= 0, got {self.seed}")
        return self


class RoadSource(Part):
    """Where the road comes from: exactly one of `map`, `file` and `generate`."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": [key]} for key in ("map", "file", "generate")]})

    map: str | None = None
    """Name of a map that we ship (:func:`scenarios.maps.shipped`)."""
    file: str | None = None
    """An OpenDRIVE file, relative to the folder of the YAML file."""
    generate: GeneratedRoad | None = None
    """A generated road."""

    @model_validator(mode="after")
    def _exactly_one(self) -> RoadSource:
        given = [key for key in ("map", "file", "generate") if getattr(self, key) is not None]
        if len(given) != 1:
            got = " and ".join(given) or "none"
            raise ValueError(f"exactly one of map, file and generate must be given, got {got}")
        return self


class LanePosition(Part):
    """A place in a map, in OpenDRIVE's own words."""

    road: RoadId
    """Road id."""
    lane: int = -1
    """Lane id; negative lanes run along the road, positive ones against it."""
    s: float = Field(default=0.0, ge=0.0)
    """Metres along the road's reference line."""


class RouteSpec(Part):
    """Which way and how far."""

    length_m: float | None = Field(default=None, gt=0.0)
    """Length of the route in metres; none: to the end of the road (at junctions straight on)."""
    start: LanePosition | None = None
    """Where the route begins; none: at the beginning of the longest drivable road."""
    via: tuple[RoadId, ...] | None = Field(default=None, strict=False)
    """Ids of the roads to follow, in order; none: straight on at junctions."""


class StartSpec(Part):
    """The pose of the car when an episode begins."""

    position: Literal["begin", "random"] = "begin"
    """At the beginning of the route or anywhere along it from where the route's length is still ahead."""
    lateral_m: float = Field(default=0.0, ge=0.0, le=5.0)
    """The lateral offset from the lane centre is uniform in +- this, in metres."""
    heading_deg: float = Field(default=0.0, ge=0.0, le=90.0)
    """The heading error is uniform in +- this, in degrees."""
    speed: Literal["target"] | Annotated[float, Field(ge=0.0, le=70.0)] = "target"
    """Speed in m/s, or `target`: what the curvature ahead allows."""


class Surroundings(Part):
    """What stands beside the road."""

    theme: Theme = "meadow"
    """Look of the land. `train` and `heldout` stand for one theme of the training or the held-out ones, in turn by
    the seed below plus the road's seed (:meth:`Scenario.for_episode` replaces them)."""
    seed: int = Field(default=0, ge=0)
    """Where each tree and house stands."""
    recolour: float = Field(default=0.0, ge=0.0, le=1.0)
    """How far the colours of road, land, leaves, walls and sky are drawn at random for each world, so that a network
    does not learn them: 0 not at all, 1 by a factor of up to two in each channel (roads only get darker, land may be as
    pale as sand)."""


class CameraSpec(Part):
    """The forward camera. The default has the paper's input size (Lechner et al. 2020), 200 x 78 RGB, and stands on the
    roof (1.3 m forward, 2.3 m up, as CARLA's imitation benchmarks mount theirs): at 78 rows a road 40 m away is 3.5
    pixels below the horizon from 1.4 m and 5.8 from 2.3 m, and it is there that a curve must be seen in time.

    It looks down so far that the horizon is just in the picture: the road begins 3.9 m before the car's centre, where
    at -8 degrees it begins at 5.4 m and a lane round a tight corner leaves the picture before the wheel may turn back.
    Of 60 streets with corners, networks of one recipe (60,000 frames) completed 1 at -8, 36 at -16, 40 at -20."""

    width: int = Field(default=200, ge=8, le=4096)
    """Pixels."""
    height: int = Field(default=78, ge=8, le=4096)
    """Pixels."""
    fov_deg: float = Field(default=90.0, gt=5.0, lt=170.0)
    """Horizontal field of view in degrees."""
    x_m: float = Field(default=1.3, ge=-20.0, le=20.0)
    """Metres in front of the car's reference point."""
    z_m: float = Field(default=2.3, ge=0.1, le=50.0)
    """Metres above the road."""
    pitch_deg: float = Field(default=-20.0, ge=-90.0, le=90.0)
    """Degrees; negative looks down."""


class Limits(Part):
    """When an episode has failed."""

    off_lane: float = Field(default=1.0, gt=0.0)
    """How far the car's centre may leave the lane centre, as a fraction of half the lane width (1.0: lane edge)."""
    time_limit_s: float | None = Field(default=None, gt=0.0)
    """Seconds; none: 20 s and the time that the route takes at 5 km/h."""

    def seconds(self, route_length: float) -> float:
        """The time limit in s of a route of this length in metres."""
        return TIME_ALLOWANCE + route_length / NO_CRASH_SPEED if self.time_limit_s is None else self.time_limit_s


class Scenario(Document):
    """One drive on a road; see the module's docstring, and ``scenarios/catalogue`` for examples."""

    kind: ClassVar[Literal["driving"]] = "driving"
    """Tells it from a flight; a file does not say it."""
    description: OneLine
    """One line that says what is special about it."""
    road: RoadSource
    """Where the road comes from."""
    route: RouteSpec = RouteSpec()
    """Which way and how far."""
    start: StartSpec = StartSpec()
    """The pose at the beginning."""
    surroundings: Surroundings = Surroundings()
    """What stands beside the road."""
    weather: WeatherField = WeatherPlan()
    """Name of a preset, or a mapping of `preset` and parameters, or `keyframes` between which the weather slides."""
    wet_grip: bool = False
    """Whether a wet road (`wetness`, `precipitation_deposits`) grips less. In CARLA it does not, so by default no."""
    faults: tuple[FaultSpec, ...] = Field(default=(), strict=False)
    """What is wrong with sensors and actuators; image faults are applied in this order."""
    camera: CameraSpec = CameraSpec()
    """The forward camera."""
    limits: Limits = Limits()
    """When an episode has failed."""
    split: Split = "demo"
    """What the scenario is for: documentation, and the grouping of `liquid-pilot scenarios`."""

    def world_seed(self, episode_seed: int) -> int | None:
        """The seed of the generated road in this episode; None for a shipped map or a file."""
        if self.road.generate is None:
            return None
        seed = self.road.generate.seed
        return seed if isinstance(seed, int) else seed.first + episode_seed % seed.count

    def for_episode(self, episode_seed: int) -> Scenario:
        """The scenario of one episode: the family replaced by its road, the theme group by its theme, the file by an
        absolute path. Its dict alone says what was driven, and ``for_episode`` of it changes nothing.
        """
        road, surroundings = self.road, self.surroundings
        seed = self.world_seed(episode_seed)
        if road.generate is not None and isinstance(road.generate.seed, SeedFamily):
            road = RoadSource(generate=road.generate.model_copy(update={"seed": seed}))
            # Each road of a family has its own trees, not the same draw laid over another road.
            own = derive_seed(surroundings.seed, "surroundings", seed or 0) % 2**31
            surroundings = surroundings.model_copy(update={"seed": own})
        if road.file is not None:
            road = RoadSource(file=str(self._file_path(road.file).absolute()))
        if surroundings.theme in ("train", "heldout"):
            themes = TRAIN_THEMES if surroundings.theme == "train" else HELDOUT_THEMES
            # In turn rather than at random: a family shows each theme equally often. Styles are drawn, so no
            # theme goes with a style.
            in_turn = themes[(self.surroundings.seed + (seed or 0)) % len(themes)]
            surroundings = surroundings.model_copy(update={"theme": in_turn})
        return self.model_copy(update={"road": road, "surroundings": surroundings})

    def map_text(self, episode_seed: int = 0) -> tuple[str, str]:
        """(name, OpenDRIVE text) of the episode's road. Raises MapError for a map or file that cannot be read."""
        from scenarios import maps

        if self.road.map is not None:
            return self.road.map, maps.read(self.road.map)
        if self.road.file is not None:
            path = self._file_path(self.road.file)
            try:
                return path.stem, path.read_text(encoding="utf-8")
            except OSError as error:
                raise MapError(str(path), f"{error.strerror}; `road: file:` is relative to the YAML file") from error
            except UnicodeDecodeError as error:
                raise MapError(str(path), f"not UTF-8 text at byte {error.start}") from error
        generate, seed = self.road.generate, self.world_seed(episode_seed)
        if generate is None or seed is None:  # RoadSource._exactly_one has seen to it
            raise MapError(self.name, "neither map, file nor generate")
        return f"{generate.style}-{seed}", maps.generate(seed, generate.style, generate.length_m)

    def _file_path(self, file: str) -> Path:
        return (self._source.parent if self._source is not None else Path()) / file
