"""What can be spawned, under CARLA's own ids and attributes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache

from envs.carla.errors import Refused
from envs.carla.server.world.sensor_blueprints import SENSORS
from envs.render.labels import Label

BOOL, INT, FLOAT, STRING, COLOUR = 1, 2, 3, 4, 5
"""CARLA's numbers of attribute types."""

OWN_CAR = "vehicle.liquidpilot.car"
"""The very car of the embedded world."""


@dataclass(frozen=True)
class Attribute:
    """One attribute of a blueprint: its type, its first value, and what a client may choose."""

    id: str
    kind: int
    value: str
    choices: tuple[str, ...] = ()
    modifiable: bool = True
    restricted: bool = False
    """Whether only the choices are allowed."""


@dataclass(frozen=True)
class Blueprint:
    """Something that can be spawned."""

    id: str
    attributes: tuple[Attribute, ...]
    size: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Length, width, height, m."""
    mass: float = 0.0
    """kg."""
    label: Label = Label.CAR
    uid: int = field(default=0, compare=False)

    @property
    def tags(self) -> str:
        """What `BlueprintLibrary.filter` looks at besides the id."""
        return ",".join(dict.fromkeys(self.id.split(".")))

    def values(self, chosen: dict[str, str]) -> dict[str, str]:
        """All attributes with a client's choices; Refused for unknown ones and values that do not parse."""
        known = {attribute.id: attribute for attribute in self.attributes}
        for name, value in chosen.items():
            attribute = known.get(name)
            if attribute is None:
                raise Refused(f"{self.id} has no attribute {name!r}")
            if not _parses(attribute.kind, value):
                raise Refused(f"attribute {name} of {self.id}: {value[:40]!r} is not of its type")
        return {name: chosen.get(name, attribute.value) for name, attribute in known.items()}


def _parses(kind: int, value: str) -> bool:
    try:
        if kind == INT:
            int(value)
        elif kind == FLOAT:
            return abs(float(value)) < 1e9
        elif kind == BOOL:
            return value.lower() in ("true", "false", "0", "1")
        elif kind == COLOUR:
            parts = [int(part) for part in value.split(",")]
            return len(parts) == 3 and all(0 <= part <= 255 for part in parts)
    except ValueError:
        return False
    return True


# id, length, width, height (m), mass (kg), wheels, kind. Sizes: CARLA's vehicle catalogue, rounded to centimetres;
# masses: of the real vehicles.
_VEHICLES: tuple[tuple[str, float, float, float, float, int, str], ...] = (
    ("audi.a2", 3.71, 1.79, 1.55, 990, 4, "car"),
    ("audi.etron", 4.86, 2.03, 1.65, 2490, 4, "car"),
    ("audi.tt", 4.18, 1.99, 1.39, 1365, 4, "car"),
    ("bh.crossbike", 1.49, 0.86, 1.62, 90, 2, "bicycle"),
    ("bmw.grandtourer", 4.61, 2.24, 1.67, 1505, 4, "car"),
    ("carlamotors.carlacola", 5.20, 2.61, 2.47, 5500, 4, "truck"),
    ("carlamotors.european_hgv", 7.94, 2.89, 3.53, 9600, 6, "truck"),
    ("carlamotors.firetruck", 8.47, 2.89, 3.83, 13000, 6, "truck"),
    ("chevrolet.impala", 5.36, 2.03, 1.41, 1750, 4, "car"),
    ("citroen.c3", 3.99, 1.85, 1.62, 1050, 4, "car"),
    ("diamondback.century", 1.64, 0.58, 1.63, 85, 2, "bicycle"),
    ("dodge.charger_2020", 5.01, 2.10, 1.53, 1920, 4, "car"),
    ("dodge.charger_police", 4.97, 2.04, 1.54, 1920, 4, "car"),
    ("dodge.charger_police_2020", 5.24, 2.10, 1.64, 1920, 4, "car"),
    ("ford.ambulance", 6.37, 2.35, 2.43, 4800, 4, "van"),
    ("ford.crown", 5.37, 1.80, 1.58, 1890, 4, "car"),
    ("ford.mustang", 4.72, 1.89, 1.30, 1620, 4, "car"),
    ("gazelle.omafiets", 1.84, 0.66, 1.77, 90, 2, "bicycle"),
    ("harley-davidson.low_rider", 2.35, 0.76, 1.65, 380, 2, "motorcycle"),
    ("jeep.wrangler_rubicon", 3.87, 1.91, 1.88, 1880, 4, "car"),
    ("kawasaki.ninja", 2.03, 0.80, 1.52, 280, 2, "motorcycle"),
    ("lincoln.mkz_2017", 4.90, 2.13, 1.51, 1690, 4, "car"),
    ("lincoln.mkz_2020", 4.89, 1.84, 1.49, 1690, 4, "car"),
    ("mercedes.coupe", 5.03, 2.15, 1.64, 1750, 4, "car"),
    ("mercedes.coupe_2020", 4.67, 1.82, 1.42, 1640, 4, "car"),
    ("mercedes.sprinter", 5.92, 1.99, 2.56, 2600, 4, "van"),
    ("micro.microlino", 2.21, 1.48, 1.38, 513, 4, "car"),
    ("mini.cooper_s", 3.81, 1.97, 1.48, 1215, 4, "car"),
    ("mini.cooper_s_2021", 4.55, 2.10, 1.77, 1390, 4, "car"),
    ("mitsubishi.fusorosa", 10.27, 3.94, 4.25, 6700, 4, "bus"),
    ("nissan.micra", 3.63, 1.85, 1.50, 940, 4, "car"),
    ("nissan.patrol", 4.60, 1.93, 1.85, 2400, 4, "car"),
    ("nissan.patrol_2021", 5.57, 2.15, 2.05, 2750, 4, "car"),
    ("seat.leon", 4.19, 1.82, 1.47, 1250, 4, "car"),
    ("tesla.cybertruck", 6.27, 2.39, 2.10, 3000, 4, "truck"),
    ("tesla.model3", 4.79, 2.16, 1.49, 1730, 4, "car"),
    ("toyota.prius", 4.51, 2.01, 1.52, 1380, 4, "car"),
    ("vespa.zx125", 1.81, 0.89, 1.60, 180, 2, "motorcycle"),
    ("volkswagen.t2", 4.48, 2.07, 2.04, 1250, 4, "van"),
    ("volkswagen.t2_2021", 4.44, 1.77, 1.99, 1450, 4, "van"),
    ("yamaha.yzf", 2.21, 0.87, 1.53, 280, 2, "motorcycle"),
)
_LABELS = {"truck": Label.TRUCK, "bus": Label.BUS, "motorcycle": Label.MOTORCYCLE, "bicycle": Label.BICYCLE}
_COLOURS = ("17,37,103", "157,26,19", "191,190,189", "38,77,52", "235,230,220")
_WALKERS = 51


def _vehicle(row: tuple[str, float, float, float, float, int, str]) -> Blueprint:
    name, length, width, height, mass, wheels, kind = row
    known = {"motorcycle": "motorcycle", "bicycle": "bicycle"}.get(kind, kind)
    attributes = (
        Attribute("base_type", STRING, known, modifiable=False),
        Attribute("color", COLOUR, _COLOURS[len(name) % len(_COLOURS)], _COLOURS),
        Attribute("driver_id", INT, "0", ("0", "1", "2")),
        Attribute("generation", INT, "2" if name.endswith(("2020", "2021")) else "1", modifiable=False),
        Attribute("has_dynamic_doors", BOOL, "false", modifiable=False),
        Attribute("has_lights", BOOL, "true" if wheels > 2 else "false", modifiable=False),
        Attribute("number_of_wheels", INT, str(wheels), modifiable=False),
        Attribute("object_type", STRING, "", modifiable=False),
        Attribute("role_name", STRING, "autopilot", ("autopilot", "scenario", "ego_vehicle", "hero")),
        Attribute("special_type", STRING, "emergency" if _emergency(name) else "", modifiable=False),
        Attribute("sticky_control", BOOL, "true"),
        Attribute("terramechanics", BOOL, "false"),
    )
    size, label = (length, width, height), _LABELS.get(kind, Label.CAR)
    return Blueprint(f"vehicle.{name}", attributes, size, mass, label)


def _emergency(name: str) -> bool:
    return any(word in name for word in ("police", "ambulance", "firetruck"))


def _walker(number: int) -> Blueprint:
    child = number in (9, 10, 11, 12, 13, 14, 48, 49)
    attributes = (
        Attribute("age", STRING, "child" if child else "adult", modifiable=False),
        Attribute("can_use_wheelchair", BOOL, "false", modifiable=False),
        Attribute("gender", STRING, "female" if number % 2 else "male", modifiable=False),
        Attribute("generation", INT, "2" if number > 14 else "1", modifiable=False),
        Attribute("is_invincible", BOOL, "true"),
        Attribute("role_name", STRING, "pedestrian"),
        Attribute("speed", FLOAT, "0.0", ("0.0", "1.2", "2.8")),
        Attribute("use_wheelchair", BOOL, "false"),
    )
    size = (0.5, 0.5, 1.1) if child else (0.38, 0.38, 1.86)
    return Blueprint(f"walker.pedestrian.{number:04d}", attributes, size, 30.0 if child else 80.0, Label.PEDESTRIANS)


def _all() -> Iterable[Blueprint]:
    from envs.driving.vehicle import VehicleParameters

    own = VehicleParameters()
    yield from (_vehicle(row) for row in _VEHICLES)
    yield _vehicle((OWN_CAR.removeprefix("vehicle."), own.length, own.width, 1.46, own.mass, 4, "car"))
    yield from (_walker(number) for number in range(1, _WALKERS + 1))
    # Listed, because well-known scripts look it up before they ask whether there are walkers; spawning it is refused.
    yield Blueprint("controller.ai.walker", (Attribute("role_name", STRING, "default"),))
    for name, rows in SENSORS.items():
        attributes = tuple(
            Attribute(key, kind, value, tuple(choices)) for key, (kind, value, choices) in sorted(rows.items())
        )
        yield Blueprint(name, (*attributes, Attribute("role_name", STRING, "front")))


@cache
def blueprints() -> dict[str, Blueprint]:
    """Every blueprint by its id, in the order of the library, numbered from 1."""
    from dataclasses import replace

    return {print_.id: replace(print_, uid=number) for number, print_ in enumerate(_all(), 1)}


def blueprint(name: str) -> Blueprint:
    """The blueprint of this id; Refused when there is none."""
    found = blueprints().get(name)
    if found is None:
        raise Refused(f"this server has no blueprint {name[:80]!r}: see get_blueprint_library()")
    return found


@cache
def definitions() -> list[list[object]]:
    """The library as CARLA sends it."""
    return [
        [
            print_.uid,
            print_.id,
            print_.tags,
            [[a.id, a.kind, a.value, list(a.choices), a.modifiable, a.restricted] for a in print_.attributes],
        ]
        for print_ in blueprints().values()
    ]
