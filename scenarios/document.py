"""What every kind of scenario is as a document: a name, a source, plain data, YAML; and other conditions for it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import AfterValidator, Field, PrivateAttr

from scenarios.faults import FaultSpec
from scenarios.part import Part
from scenarios.weather import WeatherPlan, parse_weather


def _one_line(text: str) -> str:
    if len(text.splitlines()) != 1:
        raise ValueError("must be one line of text")
    return text


OneLine = Annotated[str, Field(min_length=1, max_length=120), AfterValidator(_one_line)]
"""A line of text for people."""


class Document(Part):
    """The base of the models that are whole files; they have fields ``weather`` and ``faults``."""

    _name: str = PrivateAttr(default="unnamed")
    _source: Path | None = PrivateAttr(default=None)

    @property
    def name(self) -> str:
        """The file's name without its ending; ``unnamed`` for a scenario that was never a file."""
        return self._name

    @property
    def source(self) -> Path | None:
        """The file that it was read from; never part of a dump."""
        return self._source

    @classmethod
    def from_dict(
        cls, data: dict[str, Any], name: str = "unnamed", source: str | os.PathLike[str] | None = None
    ) -> Self:
        """Validate plain data (the inverse of :meth:`to_dict`). Raises ScenarioError naming the key, no line."""
        from scenarios.loader import validated

        return validated(cls, data, name, Path(source) if source is not None else None)

    def to_dict(self) -> dict[str, Any]:
        """Plain data (str, int, float, list, dict) with every default written out, ready for JSON, YAML or MCAP."""
        return self.model_dump(mode="json", exclude_none=True)

    def to_yaml(self) -> str:
        """The scenario as YAML text; reading it back gives an equal scenario."""
        data = self.to_dict()
        text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=120)
        # PyYAML writes Unicode's own line breaks (U+0085, U+2028, U+2029) as they are and reads them as spaces.
        if len(text.splitlines()) != text.count("\n"):
            text = yaml.safe_dump(data, sort_keys=False, width=120)
        return text

    def with_conditions(
        self, weather: WeatherPlan | str | None = None, faults: Iterable[FaultSpec] | None = None
    ) -> Self:
        """The same scenario in another weather (a preset's name or a plan) or with other faults; None: as they are.

        The name and the source stay. Raises ScenarioError for an unknown preset.
        """
        changes: dict[str, Any] = {}
        if weather is not None:
            changes["weather"] = parse_weather(weather) if isinstance(weather, str) else weather
        if faults is not None:
            changes["faults"] = tuple(faults)
        return self.model_copy(update=changes)
