"""The maps that we ship: what the generator was asked for. ``python -m scenarios.maps --write`` writes the files."""

from __future__ import annotations

from dataclasses import dataclass

from scenarios.maps.styles import Style


@dataclass(frozen=True)
class Order:
    """One shipped map: the arguments of :func:`scenarios.maps.generate`."""

    style: Style
    seed: int
    length_m: float


TRAIN = {
    "country-1": Order("country", 1, 2000.0),
    "hairpins-1": Order("hairpins", 1, 1800.0),
    "hills-1": Order("hills", 1, 2000.0),
    "lane-1": Order("lane", 1, 1600.0),
    "motorway-1": Order("motorway", 1, 3000.0),
    "s-bends-1": Order("s_bends", 1, 1800.0),
    "town-1": Order("town", 2, 1600.0),
}
"""Roads to train on."""

HELDOUT = {
    "country-2": Order("country", 104, 2400.0),
    "hairpins-2": Order("hairpins", 106, 2000.0),
    "hills-2": Order("hills", 101, 2400.0),
    "lane-2": Order("lane", 105, 2000.0),
    "motorway-2": Order("motorway", 104, 3000.0),
    "s-bends-2": Order("s_bends", 101, 2000.0),
    "town-2": Order("town", 102, 1800.0),
}
"""Roads that only evaluation sees."""

ORDERS = TRAIN | HELDOUT
"""All of them by name."""
