"""What the land beside the road looks like: grounds, hills, plants, houses, light.

``meadow``, ``forest`` and ``village`` belong to training; ``autumn``, ``alpine``, ``desert`` and ``town`` are kept for
evaluation (`scenarios.schema`), so their grounds, plants and light differ on purpose.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from envs.render.scene import Colour, Sky
from liquid_pilot.errors import LiquidPilotError
from liquid_pilot.randomness import generator


class UnknownTheme(LiquidPilotError):
    """A theme that does not exist; the message names those that do."""


@dataclass(frozen=True)
class Plant:
    """One kind of thing that grows or lies about.

    Args:
        kind: name of the prop (`envs.render.scene.KINDS`).
        per_hectare: how many stand on 10,000 m^2 where its density is full.
        near: closest distance to a road's edge, metres.
        far: farthest distance, metres.
        scale: smallest and largest size factor.
        tints: colours to draw from, each varied a little.
        clump: 0 = evenly spread, 1 = only in groves.
    """

    kind: str
    per_hectare: float
    near: float = 5.0
    far: float = 120.0
    scale: tuple[float, float] = (0.8, 1.25)
    tints: tuple[Colour, ...] = ((1.0, 1.0, 1.0),)
    clump: float = 0.6


@dataclass(frozen=True)
class Buildings:
    """Houses along the roads.

    Args:
        kinds: names of props.
        spacing: mean metres between two houses on one side, along the road.
        setback: smallest and largest distance of the house's centre from the road's edge, on top of its radius.
        share: part of the places that are built upon.
        hamlet: metres over which houses come and go; 0 = everywhere alike.
        tints: wall colours.
    """

    kinds: tuple[str, ...]
    spacing: float
    setback: tuple[float, float]
    share: float
    hamlet: float
    tints: tuple[Colour, ...]


@dataclass(frozen=True)
class Treeline:
    """A wall of trees at a distance, drawn as a picture.

    Args:
        picture: ``conifer``, ``deciduous`` or ``mixed``.
        distance: metres from the nearest road.
        height: metres.
        share: part of it that is there, the rest are gaps.
        tints: factors of its colours, drawn anew every few metres.
    """

    picture: str
    distance: float
    height: float
    share: float
    tints: tuple[Colour, ...]


@dataclass(frozen=True)
class Alley:
    """Rows of trees along the road.

    Args:
        kind: name of the prop.
        share: part of the roadside that has them.
        distance: metres from the pavement's edge.
        spacing: metres between two trees.
        scale: smallest and largest size factor.
        tints: one colour is drawn for each side of each road.
    """

    kind: str
    share: float
    distance: float
    spacing: float
    scale: tuple[float, float]
    tints: tuple[Colour, ...]


@dataclass(frozen=True)
class Roadside:
    """What lines the road.

    Args:
        posts: metres between two delineators, 0 = none.
        alley: trees in rows along the road.
        lamps: metres between two lamps, 0 = none.
        fences: share of the roadside that is fenced.
        rails: guard rails where the land falls away beside the road.
        signs: chevron boards in tight bends and speed limits.
    """

    posts: float = 50.0
    alley: Alley | None = None
    lamps: float = 0.0
    fences: float = 0.0
    rails: bool = False
    signs: bool = True


@dataclass(frozen=True)
class Theme:
    """Everything that the scenery is drawn from. Tints are factors 0..1 of the textures' colours.

    Args:
        ground: texture of the land; ``steep``: of slopes.
        ground_tint: two tints between which the land changes in large patches.
        verge_tint: tint of the strip where it meets the asphalt.
        field_tints: tints of single fields away from the road; empty = no fields.
        rock_slope: slope (rise over run) from which the land shows its ``steep`` texture.
        hill_height: metres of the rolling hills away from the road.
        hill_size: metres of their wave length.
        rise: mean slope of the land away from the road: a valley when > 0.
        reach: metres of land on both sides of the roads. Land that is hidden behind trees costs as much as any other.
        skies: looks of the sky; one is drawn for each world.
    """

    name: str
    ground: str
    ground_tint: tuple[Colour, Colour]
    verge_tint: Colour
    hill_height: float
    hill_size: float
    plants: tuple[Plant, ...]
    skies: tuple[Sky, ...]
    field_tints: tuple[Colour, ...] = ()
    steep: str = "rock"
    rock_slope: float = 1.0
    rise: float = 0.0
    reach: float = 200.0
    treelines: tuple[Treeline, ...] = ()
    buildings: Buildings | None = None
    roadside: Roadside = Roadside()

    def sky(self, seed: int) -> Sky:
        """The sky of the world with this seed: one of the theme's, with the sun somewhere else."""
        rng = generator(seed, "sky")
        chosen = self.skies[int(rng.integers(len(self.skies)))]
        azimuth, elevation = float(rng.uniform(0.0, 6.283)), float(rng.uniform(0.85, 1.15))
        return replace(chosen, sun_azimuth=azimuth, sun_elevation=chosen.sun_elevation * elevation, seed=seed)


_SUMMER = Sky()
_HAZY = Sky(
    zenith=(0.38, 0.55, 0.80), horizon=(0.84, 0.88, 0.90), clouds=0.6, sun_light=(0.60, 0.57, 0.50),
    sky_light=(0.48, 0.50, 0.53),
)  # fmt: skip
_MORNING = Sky(
    zenith=(0.30, 0.48, 0.78), horizon=(0.93, 0.86, 0.76), sun_elevation=0.45, sun_light=(0.80, 0.68, 0.50),
    sky_light=(0.40, 0.42, 0.48), clouds=0.25,
)  # fmt: skip
_AUTUMN = Sky(
    zenith=(0.36, 0.50, 0.72), horizon=(0.93, 0.87, 0.76), sun_elevation=0.42, sun_light=(0.82, 0.68, 0.48),
    sky_light=(0.42, 0.42, 0.46), clouds=0.45, hill_colour=(0.46, 0.38, 0.30), ground=(0.50, 0.42, 0.26),
)  # fmt: skip
_MOUNTAIN = Sky(
    zenith=(0.16, 0.38, 0.78), horizon=(0.72, 0.84, 0.95), sun_elevation=0.8, sun_light=(0.78, 0.75, 0.70),
    sky_light=(0.40, 0.45, 0.54), clouds=0.2, hills=0.20, hill_colour=(0.46, 0.50, 0.58), ground=(0.42, 0.50, 0.38),
)  # fmt: skip
_DESERT = Sky(
    zenith=(0.22, 0.46, 0.84), horizon=(0.93, 0.88, 0.78), sun_elevation=0.95, sun_light=(0.82, 0.76, 0.64),
    sky_light=(0.42, 0.42, 0.44), clouds=0.05, hills=0.10, hill_colour=(0.62, 0.46, 0.36), ground=(0.80, 0.68, 0.48),
)  # fmt: skip
_CITY = Sky(
    zenith=(0.45, 0.58, 0.76), horizon=(0.86, 0.88, 0.89), clouds=0.7, sun_light=(0.56, 0.54, 0.50),
    sky_light=(0.50, 0.51, 0.53), hills=0.04, hill_colour=(0.48, 0.52, 0.56), ground=(0.52, 0.53, 0.48),
)  # fmt: skip

_GREENS: tuple[Colour, ...] = ((1.0, 1.0, 1.0), (0.90, 0.92, 0.85), (1.12, 1.06, 0.95), (0.82, 0.92, 0.80))
_DARK_GREENS: tuple[Colour, ...] = ((0.95, 0.95, 0.95), (0.80, 0.88, 0.85), (1.05, 1.0, 0.9))
_AUTUMN_LEAVES: tuple[Colour, ...] = (
    (1.95, 0.88, 0.55), (2.05, 1.12, 0.55), (1.70, 0.60, 0.50), (1.95, 1.30, 0.60), (1.35, 1.00, 0.60),
)  # fmt: skip
_AUTUMN_WALL: tuple[Colour, ...] = (
    (1.45, 0.72, 0.40), (1.30, 0.48, 0.36), (1.48, 0.95, 0.42), (1.05, 0.78, 0.46), (1.35, 0.62, 0.36),
)  # fmt: skip
_WALLS: tuple[Colour, ...] = (
    (1.0, 1.0, 1.0), (1.0, 0.95, 0.86), (0.95, 0.90, 0.84), (0.92, 0.95, 1.0), (1.0, 0.88, 0.80),
)  # fmt: skip
_LOGS: tuple[Colour, ...] = ((0.8, 0.66, 0.54), (1.0, 1.0, 1.0))

_THEMES = (
    Theme(
        name="meadow",
        ground="meadow",
        ground_tint=((0.94, 1.0, 0.88), (1.0, 0.97, 0.80)),
        verge_tint=(0.96, 0.90, 0.78),
        field_tints=((1.0, 0.92, 0.58), (0.86, 1.0, 0.76), (1.0, 0.98, 0.80), (0.80, 0.92, 0.70)),
        hill_height=9.0,
        hill_size=260.0,
        plants=(
            Plant("deciduous", 16.0, 8.0, 46.0, (0.75, 1.3), _GREENS, 0.95),
            Plant("birch", 7.0, 7.0, 42.0, (0.8, 1.2), _GREENS, 0.9),
            Plant("bush", 15.0, 5.5, 28.0, (0.7, 1.5), _GREENS, 0.8),
            Plant("grass", 40.0, 3.0, 12.0, (0.6, 1.3), ((1.0, 1.0, 1.0), (1.2, 1.08, 0.8)), 0.5),
            Plant("hay_bale", 4.0, 14.0, 46.0, (0.9, 1.1), ((1.0, 1.0, 1.0),), 0.95),
        ),
        treelines=(
            Treeline("deciduous", 66.0, 10.0, 0.35, ((0.92, 0.98, 0.86),)),
            Treeline("deciduous", 120.0, 13.0, 0.7, ((0.88, 0.95, 0.88),)),
        ),
        buildings=Buildings(("house_wide", "barn", "house"), 55.0, (10.0, 30.0), 0.35, 500.0, _WALLS),
        roadside=Roadside(fences=0.2, alley=Alley("deciduous", 0.2, 6.5, 14.0, (0.8, 1.1), _GREENS)),
        skies=(_SUMMER, _HAZY, _MORNING),
    ),
    Theme(
        name="forest",
        ground="grass",
        ground_tint=((0.66, 0.72, 0.60), (0.80, 0.78, 0.62)),
        verge_tint=(0.85, 0.80, 0.70),
        hill_height=12.0,
        hill_size=240.0,
        rise=0.03,
        reach=100.0,
        plants=(
            Plant("conifer", 55.0, 6.0, 22.0, (0.7, 1.5), _DARK_GREENS, 0.5),
            Plant("birch", 8.0, 5.5, 18.0, (0.8, 1.2), _GREENS, 0.6),
            Plant("deciduous", 7.0, 7.5, 22.0, (0.8, 1.3), _DARK_GREENS, 0.6),
            Plant("bush", 30.0, 5.0, 14.0, (0.6, 1.3), _DARK_GREENS, 0.6),
            Plant("rock", 2.5, 5.5, 25.0, (0.4, 0.9), ((0.9, 0.95, 0.88),), 0.7),
        ),
        treelines=(
            Treeline("conifer", 24.0, 11.5, 0.93, ((0.70, 0.80, 0.75),)),
            Treeline("conifer", 52.0, 17.0, 0.9, ((0.78, 0.88, 0.90),)),
        ),
        skies=(_SUMMER, _HAZY, _MORNING),
    ),
    Theme(
        name="village",
        ground="grass",
        ground_tint=((0.95, 1.0, 0.90), (1.0, 1.0, 0.92)),
        verge_tint=(0.95, 0.90, 0.80),
        field_tints=((1.0, 0.94, 0.66), (0.84, 0.98, 0.78), (0.95, 1.0, 0.85)),
        hill_height=6.0,
        hill_size=260.0,
        plants=(
            Plant("deciduous", 14.0, 7.5, 42.0, (0.6, 1.1), _GREENS, 0.6),
            Plant("birch", 5.0, 7.0, 40.0, (0.7, 1.0), _GREENS, 0.5),
            Plant("bush", 18.0, 5.0, 25.0, (0.6, 1.3), (*_GREENS, (1.3, 0.9, 1.1)), 0.5),
            Plant("hay_bale", 1.5, 25.0, 46.0, (0.9, 1.1), ((1.0, 1.0, 1.0),), 0.9),
        ),
        treelines=(Treeline("deciduous", 80.0, 11.0, 0.6, ((0.85, 0.95, 0.80),)),),
        buildings=Buildings(
            ("house", "house_wide", "house", "house_tall", "house", "barn", "church"), 22.0, (5.0, 9.0), 0.85, 260.0,
            _WALLS,
        ),
        roadside=Roadside(lamps=45.0, fences=0.3, alley=Alley("deciduous", 0.2, 6.0, 12.0, (0.6, 0.8), _GREENS)),
        skies=(_SUMMER, _HAZY, _MORNING),
    ),
    Theme(
        name="autumn",
        ground="leaf_litter",
        ground_tint=((1.0, 0.97, 0.90), (0.86, 0.90, 0.74)),
        verge_tint=(0.98, 0.92, 0.80),
        hill_height=14.0,
        hill_size=230.0,
        rise=0.03,
        reach=100.0,
        plants=(
            Plant("deciduous", 42.0, 7.0, 25.0, (0.75, 1.4), _AUTUMN_LEAVES, 0.5),
            Plant("birch", 12.0, 6.0, 22.0, (0.8, 1.25), ((1.55, 1.15, 0.6), (1.5, 1.25, 0.7)), 0.6),
            Plant("conifer", 5.0, 9.0, 25.0, (0.8, 1.3), _DARK_GREENS, 0.7),
            Plant("bush", 24.0, 5.0, 16.0, (0.6, 1.2), _AUTUMN_LEAVES, 0.5),
            Plant("rock", 1.5, 5.5, 25.0, (0.4, 0.9), ((0.95, 0.92, 0.88),), 0.7),
        ),
        treelines=(
            Treeline("deciduous", 26.0, 10.0, 0.92, _AUTUMN_WALL),
            Treeline("deciduous", 54.0, 15.0, 0.85, _AUTUMN_WALL),
        ),
        skies=(_AUTUMN,),
    ),
    Theme(
        name="alpine",
        ground="grass",
        ground_tint=((0.82, 0.94, 0.80), (0.96, 0.98, 0.84)),
        verge_tint=(0.86, 0.86, 0.86),
        hill_height=34.0,
        hill_size=170.0,
        rock_slope=0.66,
        rise=0.40,
        reach=260.0,
        plants=(
            Plant("conifer", 32.0, 7.0, 75.0, (0.6, 1.25), _DARK_GREENS, 1.0),
            Plant("rock", 12.0, 5.5, 36.0, (0.5, 1.7), ((0.95, 0.96, 1.0),), 0.7),
            Plant("bush", 10.0, 5.5, 25.0, (0.4, 0.8), _DARK_GREENS, 0.6),
        ),
        buildings=Buildings(("barn", "house_wide"), 80.0, (12.0, 35.0), 0.25, 400.0, _LOGS),
        roadside=Roadside(rails=True),
        skies=(_MOUNTAIN,),
    ),
    Theme(
        name="desert",
        ground="sand",
        ground_tint=((1.0, 0.96, 0.90), (0.96, 0.84, 0.70)),
        verge_tint=(0.90, 0.80, 0.68),
        hill_height=8.0,
        hill_size=200.0,
        rock_slope=0.30,
        plants=(
            Plant("cactus", 14.0, 6.0, 50.0, (0.6, 1.3), ((1.0, 1.0, 1.0), (0.9, 0.95, 0.85)), 0.6),
            Plant("bush", 30.0, 5.0, 32.0, (0.3, 0.7), ((1.35, 1.02, 0.95), (1.2, 0.95, 0.8)), 0.5),
            Plant("rock", 12.0, 5.5, 46.0, (0.4, 2.4), ((1.0, 0.78, 0.62), (1.0, 0.85, 0.72)), 0.8),
            Plant("grass", 30.0, 3.0, 12.0, (0.5, 1.0), ((1.4, 1.1, 0.9),), 0.5),
        ),
        skies=(_DESERT,),
    ),
    Theme(
        name="town",
        ground="grass",
        ground_tint=((0.86, 0.92, 0.82), (0.92, 0.95, 0.86)),
        verge_tint=(0.92, 0.92, 0.92),
        hill_height=2.0,
        hill_size=300.0,
        plants=(
            Plant("deciduous", 10.0, 6.0, 45.0, (0.55, 0.9), _GREENS, 0.3),
            Plant("bush", 10.0, 5.0, 25.0, (0.5, 1.0), _GREENS, 0.4),
        ),
        treelines=(Treeline("deciduous", 120.0, 10.0, 0.5, ((0.85, 0.92, 0.85),)),),
        buildings=Buildings(
            ("building", "building", "building_tall", "house_tall", "building"), 21.0, (4.0, 6.5), 0.92, 0.0, _WALLS
        ),
        roadside=Roadside(posts=0.0, lamps=32.0, alley=Alley("deciduous", 0.5, 2.6, 13.0, (0.5, 0.65), _GREENS)),
        skies=(_CITY, _HAZY),
    ),
)  # fmt: skip
THEMES: dict[str, Theme] = {theme.name: theme for theme in _THEMES}
"""All themes by name."""


def theme(name: str) -> Theme:
    """The theme called ``name``. Raises UnknownTheme."""
    if name not in THEMES:
        raise UnknownTheme(f"unknown theme {name!r}; there are {', '.join(THEMES)}")
    return THEMES[name]
