"""From a seed and a style to a road: which bends, which hills, which cross-section each style draws."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from scenarios.errors import MapError
from scenarios.maps.alignment import Bends, Wanderer
from scenarios.maps.curve import Piece, Pose
from scenarios.maps.draw import Draw
from scenarios.maps.opendrive import Road, write_map
from scenarios.maps.profile import FLAT, Height, Hills, draw_profile, terrain_is_natural
from scenarios.maps.section import Section, avenue, built_up_street, motorway, narrow_lane, two_lanes
from scenarios.maps.styles import Style
from scenarios.maps.town import town_roads


@dataclass(frozen=True)
class Ways:
    """How a kind of road winds: rules taken in turn, and how far its heading may swing (degrees)."""

    rules: tuple[Bends, ...]
    swing: float = 110.0


# The trial's roads (facts of the imitation recipe): R log-uniform 30-180 m, transitions 12-35 m, a quarter straight.
COUNTRY = Ways((Bends(radius=(30.0, 180.0), angle=(15.0, 105.0), transition=(12.0, 35.0)),))
MOTORWAY = Ways(
    (Bends((200.0, 600.0), (12.0, 55.0), (60.0, 100.0), straight=(60.0, 220.0), straight_share=0.3),), swing=80.0
)
S_BENDS = Ways(
    (Bends((32.0, 95.0), (35.0, 95.0), (14.0, 28.0), straight_share=0.06, straight=(15.0, 40.0), alternate=1.0),),
    swing=75.0,
)
HAIRPINS = Ways(
    (
        Bends((25.0, 38.0), (135.0, 172.0), (14.0, 22.0), 0.0, alternate=0.9, tightest=0.35),
        Bends((60.0, 200.0), (10.0, 40.0), (15.0, 35.0), straight_share=0.5, straight=(40.0, 120.0), alternate=0.5),
    ),
    swing=100.0,
)
OPEN = Ways((Bends((50.0, 220.0), (15.0, 80.0), (18.0, 40.0), straight=(40.0, 140.0)),), swing=90.0)
NARROW = Ways((Bends((27.0, 120.0), (15.0, 95.0), (12.0, 28.0), straight_share=0.2, straight=(15.0, 70.0)),))
# CARLA's towns: corners of 6 to 15 m at the end of a straight, with hardly a transition; wide avenues bend at 20 m.
CORNERS = Ways(
    (
        Bends((6.0, 15.0), (65.0, 100.0), (1.0, 5.0), straight_share=0.8, straight=(25.0, 90.0)),
        Bends((6.0, 15.0), (65.0, 100.0), (1.0, 5.0), straight_share=0.8, straight=(25.0, 90.0)),
        Bends((15.0, 60.0), (15.0, 80.0), (2.0, 15.0), straight_share=0.6, straight=(20.0, 70.0)),
    ),
    swing=130.0,
)
AVENUE = Ways((Bends((24.0, 110.0), (15.0, 95.0), (2.0, 25.0), straight_share=0.4, straight=(20.0, 100.0)),))

GENTLE = Hills((0.0, 0.02), (60.0, 200.0), (1000.0, 2500.0), highest=8.0)
ROLLING = Hills((0.01, 0.05), (30.0, 120.0), (800.0, 2000.0), highest=18.0)
STEEP = Hills((0.035, 0.08), (40.0, 160.0), (700.0, 1100.0), highest=35.0, climb=0.5)
PASS = Hills((0.02, 0.06), (60.0, 220.0), (800.0, 1500.0), highest=60.0, climb=0.8)


def _plan(draw: Draw, style: Style, length: float) -> tuple[Ways, Hills | None, Section]:
    """What a style draws. ``mixed`` joins the bends of one with the heights and the section of another: a family to
    train on must not teach that hairpins are always narrow and hills always wide."""
    if style == "motorway":
        return MOTORWAY, GENTLE, motorway(draw)
    if style == "country":
        return COUNTRY, draw.choice({GENTLE: 0.6, None: 0.4}), two_lanes(draw, length)
    if style == "s_bends":
        return S_BENDS, draw.choice({GENTLE: 0.5, None: 0.5}), two_lanes(draw, length, (3.0, 3.6))
    if style == "hairpins":
        return HAIRPINS, PASS, two_lanes(draw, length, (3.1, 3.7), speed=50)
    if style == "hills":
        return OPEN, STEEP, two_lanes(draw, length)
    if style == "lane":
        return NARROW, draw.choice({GENTLE: 0.5, ROLLING: 0.5}), narrow_lane(draw)
    if style == "corners":
        return CORNERS, draw.choice({GENTLE: 0.3, None: 0.7}), built_up_street(draw)
    if style == "avenue":
        return AVENUE, draw.choice({GENTLE: 0.4, None: 0.6}), avenue(draw)
    if draw.chance(0.1):
        return MOTORWAY, draw.choice({GENTLE: 0.5, ROLLING: 0.5}), motorway(draw)
    ways = draw.choice({COUNTRY: 0.36, S_BENDS: 0.2, HAIRPINS: 0.22, OPEN: 0.12, NARROW: 0.1})
    hills = draw.choice({None: 0.25, GENTLE: 0.25, ROLLING: 0.25, PASS if ways == HAIRPINS else STEEP: 0.25})
    section = narrow_lane(draw) if draw.chance(0.2) else two_lanes(draw, length, (2.95, 3.75))
    return ways, hills, section


def make(seed: int, style: Style, length: float) -> str:
    """OpenDRIVE text; see :func:`scenarios.maps.generate`."""
    name = f"{style}-{seed}"
    note = f"liquid-pilot scenarios.maps.generate({seed}, '{style}', {length:g})"
    draw = Draw(seed, f"map-{style}")
    if style == "town" or (style == "mixed" and draw.chance(0.12)):
        return write_map(name, note, *town_roads(seed, f"map-{style}-town", length))
    ways, hills, section = _plan(draw, style, length)
    start = Pose(0.0, 0.0, draw.uniform((0.0, 6.28)))
    # Lane -1 is inside in right bends and lane 1 in left ones: either of them keeps the radius that is promised.
    inside = section.right[0].width / 2
    pieces = Wanderer(draw, ways.rules, inside, ways.swing, section.reach + 0.5).road(start, length)
    profile = _profile(draw, hills, length, pieces, start)
    road = Road(1, name, start, tuple(pieces), section, profile)
    return write_map(name, note, [road], [])


def _profile(draw: Draw, hills: Hills | None, length: float, pieces: list[Piece], start: Pose) -> tuple[Height, ...]:
    if hills is None:
        return FLAT
    for _ in range(40):
        profile = draw_profile(draw, hills, length)
        if terrain_is_natural(pieces, start, profile):
            return profile
    raise MapError("generator", "no heights for this road that leave the ground a slope; take another seed")


@lru_cache(maxsize=64)
def cached_road(seed: int, style: Style, length: float) -> str:
    """:func:`make`, remembered: a family's episodes come back to the same road."""
    return make(seed, style, length)
