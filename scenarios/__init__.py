"""Scenarios: what happens in a drive, as YAML files validated by pydantic, and the maps that we ship.

``scenarios.load("heldout-hairpins")`` gives a :class:`Scenario`, ``scenarios.load("fly-train-meadow")`` a
:class:`FlightScenario` of the drone, ``scenarios.catalogue()`` the names, ``scenarios.maps.generate(seed, style,
length_m)`` an OpenDRIVE road, ``scenarios.PRESETS`` every weather by its name and ``scenarios.FAULTS`` every fault.
Everything is imported at first use, so that ``import scenarios`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scenarios import maps as maps
    from scenarios.editor import json_schema as json_schema
    from scenarios.errors import MapError as MapError
    from scenarios.errors import ScenarioError as ScenarioError
    from scenarios.errors import UnknownScenario as UnknownScenario
    from scenarios.faults import FAULTS as FAULTS
    from scenarios.faults import FaultSpec as FaultSpec
    from scenarios.faults import parse_fault as parse_fault
    from scenarios.flight import FlightScenario as FlightScenario
    from scenarios.loader import catalogue as catalogue
    from scenarios.loader import load as load
    from scenarios.loader import load_drive as load_drive
    from scenarios.loader import load_flight as load_flight
    from scenarios.loader import parse as parse
    from scenarios.schema import Scenario as Scenario
    from scenarios.weather import CLEAR as CLEAR
    from scenarios.weather import PRESETS as PRESETS
    from scenarios.weather import Weather as Weather
    from scenarios.weather import WeatherPlan as WeatherPlan
    from scenarios.weather import parse_weather as parse_weather

_HOME = {
    "CLEAR": "scenarios.weather",
    "FAULTS": "scenarios.faults",
    "FaultSpec": "scenarios.faults",
    "FlightScenario": "scenarios.flight",
    "MapError": "scenarios.errors",
    "PRESETS": "scenarios.weather",
    "Scenario": "scenarios.schema",
    "ScenarioError": "scenarios.errors",
    "UnknownScenario": "scenarios.errors",
    "Weather": "scenarios.weather",
    "WeatherPlan": "scenarios.weather",
    "catalogue": "scenarios.loader",
    "json_schema": "scenarios.editor",
    "load": "scenarios.loader",
    "load_drive": "scenarios.loader",
    "load_flight": "scenarios.loader",
    "parse": "scenarios.loader",
    "parse_fault": "scenarios.faults",
    "parse_weather": "scenarios.weather",
}

__all__ = [
    "CLEAR",
    "FAULTS",
    "PRESETS",
    "FaultSpec",
    "FlightScenario",
    "MapError",
    "Scenario",
    "ScenarioError",
    "UnknownScenario",
    "Weather",
    "WeatherPlan",
    "catalogue",
    "json_schema",
    "load",
    "load_drive",
    "load_flight",
    "maps",
    "parse",
    "parse_fault",
    "parse_weather",
]


def __getattr__(name: str) -> Any:
    if name == "maps":
        return importlib.import_module("scenarios.maps")
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'scenarios' has no attribute {name!r}")
