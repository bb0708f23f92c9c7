"""What a flight says: the drone's world, its target, where it starts, what stands in its way, weather, faults, limits.

The file format of the drone's scenarios, told from drives on a road by ``kind: flight``. Like `scenarios.schema`:
exactly these keys, everything frozen, and no random draw but by ``generator(seed, purpose)``. Ranges are written as
``[least, most]``, or as one number where both are the same.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from liquid_pilot.randomness import derive_seed
from scenarios.document import Document, OneLine
from scenarios.faults import FaultSpec
from scenarios.part import OrText, Part
from scenarios.schema import HELDOUT_THEMES, TRAIN_THEMES, CameraSpec, SeedFamily, Theme
from scenarios.weather import WeatherField, WeatherPlan

FlightSplit = Literal["fly-train", "fly-validation", "fly-heldout", "fly-task", "fly-demo"]
"""``fly-task``: what asks for more than finding and approaching (obstacles, search, memory, a target that moves)."""

FASTEST = 3.0
"""m/s that the drone flies at full command (envs/drone/control.py)."""
STRONGEST_WIND = 8.29
"""m/s that the drone holds its place against (``QuadrotorParameters.max_wind``)."""
SETTLING = 0.5
"""Seconds after which a turning drone that is told to rest does."""
GUST = 0.458
"""Two standard deviations of the gusts along the wind, as a share of the mean wind (``envs.drone.wind``)."""
_BEYOND = 15.0
# Degrees beyond the picture's edge that a target must be turned at least: nobody's nose points at it exactly.


class _Misfit(ValueError):
    """Keys that do not fit each other; ``inside`` names the one to change, for the line number."""

    def __init__(self, inside: tuple[str, ...], what: str) -> None:
        self.inside = inside
        super().__init__(what)


def _pair(value: object) -> object:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return (value, value) if number else value


def _least_first(pair: tuple[float, float]) -> tuple[float, float]:
    if pair[0] > pair[1]:
        raise ValueError(f"a range is [least, most], got [{pair[0]:g}, {pair[1]:g}]")
    return pair


Interval = Annotated[
    tuple[float, float],
    Field(strict=False),
    BeforeValidator(_pair),
    AfterValidator(_least_first),
    OrText({"type": "number"}),
]
"""Least and most of what is drawn uniformly."""


class FlightWorld(Part):
    """The land: a flat disc with what grows and stands on it."""

    theme: Theme = "meadow"
    """Look of the land. `train` and `heldout` stand for one theme of the training or the held-out ones, in turn by
    the world's seed (:meth:`FlightScenario.for_episode` replaces them)."""
    seed: int | SeedFamily = 0
    """Where everything stands (>= 0), or a family of worlds: the episode's seed picks ``first + seed mod count``."""
    radius_m: float = Field(default=45.0, ge=15.0, le=150.0)
    """Flights take place within so many metres from the middle; who leaves it by 10 m more has failed."""
    trees_per_hectare: float = Field(default=60.0, ge=0.0, le=400.0)
    """How many trees stand on 10,000 m^2; bushes and rocks in proportion, as the theme has them."""
    buildings: int = Field(default=0, ge=0, le=24)
    """How many houses stand around the middle."""
    recolour: float = Field(default=0.0, ge=0.0, le=2.0)
    """How far the colours of ground, leaves and sky are drawn at random for each world, so that a network does not
    learn them: 0 not at all, 1 by a factor of up to two in each channel, up or down, 2 by a factor of up to four."""
    recolour_from: float = Field(default=0.0, ge=0.0, le=2.0)
    """How far at the least, in each channel: with as much as training has at the most, colours that it never had."""

    @model_validator(mode="after")
    def _possible(self) -> FlightWorld:
        if isinstance(self.seed, int) and self.seed < 0:
            raise _Misfit(("seed",), f"must be >= 0, got {self.seed}")
        if self.recolour_from > self.recolour:
            raise _Misfit(("recolour_from",), f"at most recolour ({self.recolour:g}), got {self.recolour_from:g}")
        return self


class Motion(Part):
    """A target that goes round in a circle."""

    speed: float = Field(gt=0.0, le=5.0)
    """m/s."""
    radius_m: float = Field(default=3.0, ge=0.5, le=20.0)
    """Radius of the circle."""


class Hidden(Part):
    """A while in which the target cannot be seen, though it is there."""

    from_s: float = Field(ge=0.0)
    """Seconds since the flight began from which (inclusive) it is hidden."""
    to_s: float = Field(gt=0.0)
    """Seconds until which (exclusive) it is."""

    @model_validator(mode="after")
    def _in_order(self) -> Hidden:
        if self.to_s <= self.from_s:
            raise _Misfit(("to_s",), f"must come after from_s ({self.from_s:g}), got {self.to_s:g}")
        return self


class TargetSpec(Part):
    """What to fly to, and where it is seen from the start."""

    kind: Literal["ball_on_stand", "camping_chair"] = "ball_on_stand"
    """Its shape."""
    colour: Literal["red", "orange", "yellow", "blue", "magenta", "white"] = "red"
    """Of the ball or the chair's cloth."""
    size_m: float = Field(default=0.9, ge=0.2, le=3.0)
    """Diameter of the ball, or height and width of the chair."""
    height_m: Interval = (0.9, 1.7)
    """Height of its middle above the ground."""
    distance_m: Interval = (8.0, 30.0)
    """How far it is from the start, along the ground."""
    bearing_deg: Interval = (0.0, 40.0)
    """How far to the left or right (drawn) of the drone's nose it is. The camera sees 45 degrees to each side."""
    moves: Motion | None = None
    """None: it stands still."""
    hidden: Hidden | None = None
    """None: it can always be seen."""

    @model_validator(mode="after")
    def _possible(self) -> TargetSpec:
        if self.height_m[0] < 0.5 * self.size_m:
            what = f"the target's middle at {self.height_m[0]:g} m is too low for its size of {self.size_m:g} m"
            raise _Misfit(("height_m",), what)
        if self.height_m[1] > 8.0:
            raise _Misfit(("height_m",), f"at most 8 m, the height of trees, got {self.height_m[1]:g}")
        if not 0.0 <= self.bearing_deg[0] <= self.bearing_deg[1] <= 180.0:
            raise _Misfit(("bearing_deg",), f"within 0 and 180, to either side; got {list(self.bearing_deg)}")
        return self


class FlightStart(Part):
    """The drone when an episode begins."""

    height_m: Interval = (1.0, 2.2)
    """Above the ground."""
    speed: Interval = (0.0, 0.0)
    """m/s ahead, at the most what it can fly."""

    @model_validator(mode="after")
    def _possible(self) -> FlightStart:
        if self.height_m[0] < 0.3 or self.height_m[1] > 8.0:
            raise _Misfit(("height_m",), f"within 0.3 and 8 m, got {list(self.height_m)}")
        if self.speed[0] < 0.0 or self.speed[1] > FASTEST:
            raise _Misfit(("speed",), f"within 0 and {FASTEST:g} m/s, got {list(self.speed)}")
        return self


class Barriers(Part):
    """Trees on the line from the start to the target, which is otherwise free.

    All stand a little to the same side of it, which is drawn: a drone that flies straight hits every one of them, and
    sees a part of the target past them. What is hidden from the start no camera finds.
    """

    count: int = Field(default=0, ge=0, le=8)
    """How many."""
    spacing_m: float = Field(default=4.0, ge=2.0, le=30.0)
    """Metres from one to the next, about."""
    kind: Literal["deciduous", "birch", "conifer", "cactus"] = "birch"
    """Birches and deciduous trees are trunks with a high crown; conifers reach to the ground and hide the target."""
    aside_m: Interval = (0.12, 0.18)
    """How far the middles of the trunks are from the line. A birch is 0.12 to 0.16 m thick (radius) at the height of
    flight, the drone has a radius of 0.06 m."""


class TurnedAway(Part):
    """Something turns the drone away from the target in flight; then it has to turn back, the way it came.

    For as long nobody listens to the pilot: the drone turns at up to 2 rad/s to a side that is drawn, stops turning and
    waits, drifting at up to 1 m/s and swaying, as drawn too. Then the target is out of the picture, and nothing
    tells to which side but the memory of where it left. A flight whose target crosses the drone's tail (180 degrees)
    before it is in the picture again has failed (`lost`), however fast the pilot turns: who always turns to the same
    side is right in half of the flights.
    """

    from_s: Interval = (1.0, 2.0)
    """Seconds since the flight began."""
    angle_deg: Interval = (90.0, 130.0)
    """By how much it is turned."""
    rest_s: Interval = (0.5, 0.5)
    """Seconds that it then waits, until its turn rate no longer tells to which side it was turned."""

    @model_validator(mode="after")
    def _possible(self) -> TurnedAway:
        if self.from_s[0] < 0.0:
            raise _Misfit(("from_s",), f"must be >= 0, got {self.from_s[0]:g}")
        if not 0.0 < self.angle_deg[0] <= self.angle_deg[1] <= 130.0:
            raise _Misfit(
                ("angle_deg",), f"above 0 and at most 130, or it may pass the tail; got {list(self.angle_deg)}"
            )
        if self.rest_s[0] < SETTLING:
            what = f"at least {SETTLING:g}, as until then the turn rate tells the side; got {self.rest_s[0]:g}"
            raise _Misfit(("rest_s",), what)
        return self


class Success(Part):
    """When the drone has arrived."""

    radius_m: float = Field(default=3.0, gt=0.0, le=20.0)
    """Within so many metres of the target's middle."""
    speed: float = Field(default=0.5, gt=0.0, le=FASTEST)
    """Slower than this against the target, m/s."""
    hold_s: float = Field(default=1.0, ge=0.0, le=30.0)
    """For so many seconds on end."""


class WindSpec(Part):
    """What the weather's `wind_intensity` does to the drone; the wind is that of the weather at the beginning."""

    full_mps: float = Field(default=5.0, ge=0.0, le=30.0)
    """Mean wind at wind_intensity 100, m/s; in proportion below."""
    gusts: float = Field(default=1.0, ge=0.0, le=5.0)
    """Factor on the turbulence of MIL-F-8785C; 0: a steady wind."""


class FlightLimits(Part):
    """When an episode has failed."""

    time_limit_s: float = Field(default=40.0, gt=0.0, le=3600.0)
    """Seconds."""


class FlightCamera(CameraSpec):
    """The camera in the drone's nose, fixed to its body: it nods as the drone leans."""

    x_m: float = Field(default=0.04, ge=-1.0, le=1.0)
    """Metres in front of the drone's centre."""
    z_m: float = Field(default=0.0, ge=-1.0, le=1.0)
    """Metres above the drone's centre."""
    pitch_deg: float = Field(default=0.0, ge=-90.0, le=90.0)
    """Degrees; negative looks down."""


class FlightScenario(Document):
    """One flight to a target; see the module's docstring, and ``fly-*.yaml`` in ``scenarios/catalogue``."""

    kind: Literal["flight"] = "flight"
    """Tells it from a drive on a road."""
    description: OneLine
    """One line that says what is special about it."""
    world: FlightWorld = FlightWorld()
    """The land and what stands on it."""
    target: TargetSpec = TargetSpec()
    """What to fly to."""
    start: FlightStart = FlightStart()
    """The drone at the beginning."""
    obstacles: Barriers = Barriers()
    """What stands on the line of flight."""
    turned_away: TurnedAway | None = None
    """None: the pilot is listened to all the time."""
    success: Success = Success()
    """When it has arrived."""
    weather: WeatherField = WeatherPlan()
    """Name of a preset, or a mapping of `preset` and parameters, or `keyframes` between which the weather slides."""
    wind: WindSpec = WindSpec()
    """What of the weather moves the drone."""
    faults: tuple[FaultSpec, ...] = Field(default=(), strict=False)
    """What is wrong with sensors and actuators; image faults are applied in this order."""
    camera: FlightCamera = FlightCamera()
    """The camera."""
    limits: FlightLimits = FlightLimits()
    """When an episode has failed."""
    split: FlightSplit = "fly-demo"
    """What the scenario is for: documentation, and the grouping of `liquid-pilot scenarios`."""

    @model_validator(mode="after")
    def _possible(self) -> FlightScenario:
        target, success, limit = self.target, self.success, self.limits.time_limit_s
        near, far = target.distance_m
        moves = target.moves
        swing = 0.0 if moves is None else moves.radius_m
        if success.radius_m < 0.5 * target.size_m + 0.3:
            what = f"nobody gets that near a target of {target.size_m:g} m without a touch: at least "
            raise _Misfit(("success", "radius_m"), f"{what}{0.5 * target.size_m + 0.3:g}, got {success.radius_m:g}")
        if near <= success.radius_m:
            what = f"begins at {near:g} m, where the flight would be over: success.radius_m is {success.radius_m:g}"
            raise _Misfit(("target", "distance_m"), what)
        if far + swing > 2.0 * self.world.radius_m - 4.0:
            room = 2.0 * self.world.radius_m - 4.0 - swing
            what = f"{far:g} m does not fit into a world of radius_m {self.world.radius_m:g}: at most {room:g}"
            raise _Misfit(("target", "distance_m"), what)
        soonest = (far - success.radius_m) / FASTEST + success.hold_s
        if soonest > limit:
            what = f"{far:g} m takes {soonest:.0f} s at full speed, more than limits.time_limit_s ({limit:g} s)"
            raise _Misfit(("target", "distance_m"), what)
        if moves is not None and moves.speed >= FASTEST:
            what = f"the target flees at {moves.speed:g} m/s from a drone that flies {FASTEST:g}"
            raise _Misfit(("target", "moves", "speed"), what)
        if self.turned_away is not None:
            self._can_be_turned(self.turned_away)
        row = self.obstacles.spacing_m * (self.obstacles.count + 1)
        if self.obstacles.count and row > near:
            what = f"{self.obstacles.count} obstacles {self.obstacles.spacing_m:g} m apart need {row:g} m of flight"
            raise _Misfit(("obstacles", "spacing_m"), f"{what}, and target.distance_m begins at {near:g}")
        speed = self.mean_wind
        strongest = speed * (1.0 + GUST * self.wind.gusts)
        if strongest > STRONGEST_WIND:
            what = f"{speed:g} m/s with gusts up to {strongest:.1f} m/s; this drone holds against {STRONGEST_WIND:g}"
            raise _Misfit(("wind",), what)
        return self

    def _can_be_turned(self, turned: TurnedAway) -> None:
        half, success = 0.5 * self.camera.fov_deg, self.success
        if self.target.bearing_deg[1] > half:
            what = f"who has not seen the target cannot remember it: at most {half:g} with turned_away"
            raise _Misfit(("target", "bearing_deg"), f"{what}, got {self.target.bearing_deg[1]:g}")
        if turned.angle_deg[0] < half + _BEYOND:
            what = f"at least {half + _BEYOND:g}, or the target stays in the picture; got {turned.angle_deg[0]:g}"
            raise _Misfit(("turned_away", "angle_deg"), what)
        soonest = (self.target.distance_m[0] - success.radius_m) / FASTEST + success.hold_s
        if turned.from_s[1] > soonest:
            what = f"the flight may be over before: at most {soonest:.1f}, got {turned.from_s[1]:g}"
            raise _Misfit(("turned_away", "from_s"), what)

    @property
    def mean_wind(self) -> float:
        """Mean wind when the flight begins, m/s."""
        return self.wind.full_mps * self.weather.at(0.0, 0.0, 0.0).settled().wind_intensity / 100.0

    def world_seed(self, episode_seed: int) -> int:
        """The seed of the world in this episode."""
        seed = self.world.seed
        return seed if isinstance(seed, int) else seed.first + episode_seed % seed.count

    def for_episode(self, episode_seed: int) -> FlightScenario:
        """The scenario of one episode: the family replaced by its world, the theme group by its theme. Its dict alone
        and the seed say what was flown, and ``for_episode`` of it changes nothing.
        """
        seed = self.world_seed(episode_seed)
        changes: dict[str, Any] = {"seed": seed}
        if self.world.theme in ("train", "heldout"):
            themes = TRAIN_THEMES if self.world.theme == "train" else HELDOUT_THEMES
            changes["theme"] = themes[seed % len(themes)]
        return self.model_copy(update={"world": self.world.model_copy(update=changes)})

    def course_seed(self, episode_seed: int) -> int:
        """What start and target are drawn from: with obstacles the world's seed, as they stand on that line."""
        if self.obstacles.count:
            return derive_seed(self.world_seed(episode_seed), "course")
        return derive_seed(episode_seed, "course")
