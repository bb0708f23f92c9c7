"""Scenarios: what happens in a drive, as YAML files validated by pydantic, and the maps that we ship.

``scenarios.load("heldout-hairpins")`` gives a :class:`Scenario`, ``scenarios.catalogue()`` the names,
``scenarios.maps.generate(seed, style, length_m)`` an OpenDRIVE road. Everything is imported at first use, so that
``import scenarios`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scenarios import maps as maps
    from scenarios.errors import MapError as MapError
    from scenarios.errors import ScenarioError as ScenarioError
    from scenarios.errors import UnknownScenario as UnknownScenario
    from scenarios.loader import catalogue as catalogue
    from scenarios.loader import load as load
    from scenarios.loader import parse as parse
    from scenarios.schema import Scenario as Scenario
    from scenarios.schema import json_schema as json_schema

_HOME = {
    "MapError": "scenarios.errors",
    "Scenario": "scenarios.schema",
    "ScenarioError": "scenarios.errors",
    "UnknownScenario": "scenarios.errors",
    "catalogue": "scenarios.loader",
    "json_schema": "scenarios.schema",
    "load": "scenarios.loader",
    "parse": "scenarios.loader",
}

__all__ = [
    "MapError",
    "Scenario",
    "ScenarioError",
    "UnknownScenario",
    "catalogue",
    "json_schema",
    "load",
    "maps",
    "parse",
]


def __getattr__(name: str) -> Any:
    if name == "maps":
        return importlib.import_module("scenarios.maps")
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'scenarios' has no attribute {name!r}")
