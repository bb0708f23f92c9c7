"""``--weather`` and ``--fault`` of the command line: the conditions under which the same episodes are driven."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scenarios.faults import FaultSpec, parse_fault
from scenarios.loader import AnyScenario
from scenarios.weather import WeatherPlan, parse_weather

NONE = "none"
"""The word for no fault, so that a table has its baseline."""


@dataclass(frozen=True)
class Condition:
    """One column of the matrix; None leaves what the scenario says."""

    weather: WeatherPlan | None
    faults: tuple[FaultSpec, ...] | None

    def of(self, scenario: AnyScenario) -> AnyScenario:
        """The scenario under this condition."""
        return scenario.with_conditions(self.weather, self.faults)


def conditions(weathers: Sequence[str], faults: Sequence[str]) -> list[Condition]:
    """Every weather with every fault at every severity; without any, the scenario's own.

    Args:
        weathers: names of presets.
        faults: ``none``, ``NAME:SEVERITY,...``, or a bare name for severities 1 to 5.

    Raises ScenarioError with the nearest known name.
    """
    plans: list[WeatherPlan | None] = [parse_weather(name) for name in dict.fromkeys(weathers)] or [None]
    choices: list[tuple[FaultSpec, ...] | None] = []
    for text in faults:
        choices += [()] if text == NONE else [(spec,) for spec in parse_fault(text)]
    return [Condition(plan, choice) for plan in plans for choice in dict.fromkeys(choices or [None])]
