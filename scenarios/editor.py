"""The JSON Schema of scenario files, with which editors complete keys and underline mistakes."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from scenarios.flight import FlightScenario
from scenarios.schema import Scenario


def json_schema() -> dict[str, Any]:
    """One schema for the files of both kinds: with ``kind: flight`` a `FlightScenario`, else a `Scenario`.

    A choice by that key and no union, so that an editor talks of one kind only.
    """
    models, schema = models_json_schema([(Scenario, "validation"), (FlightScenario, "validation")])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Scenario of liquid-pilot",
        "type": "object",
        "if": {"properties": {"kind": {"const": "flight"}}, "required": ["kind"]},
        "then": models[FlightScenario, "validation"],
        "else": models[Scenario, "validation"],
        "$defs": schema["$defs"],
    }
