"""``results.json``: every episode of an evaluation, and the aggregates with n and 95 % intervals."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from liquid_pilot.analysis.errors import BadResults
from liquid_pilot.analysis.statistics import Estimate, bootstrap_mean, success_rate
from liquid_pilot.files import write_json

SCHEMA = 1


@dataclass(frozen=True)
class EpisodeResult:
    """One episode of an evaluation.

    Attributes:
        policy: name as given on the command line.
        scenario: scenario name.
        seed: the episode's seed; equal seeds give equal starts for every policy.
        success: route completed without leaving the lane and without a crash, or target reached.
        end: why the episode ended.
        steps: control steps.
        metrics: what `Judging.metrics` gives; what an episode has not (the time to a goal that was missed) is left out.
        weather: name of the weather, ``clear`` where the scenario says nothing else.
        faults: names of the injected faults.
    """

    policy: str
    scenario: str
    seed: int
    success: bool
    end: str
    steps: int
    metrics: Mapping[str, float]
    weather: str = "clear"
    faults: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Flat, as design demands: the metrics stand beside the other fields."""
        return {
            "policy": self.policy,
            "scenario": self.scenario,
            "weather": self.weather,
            "faults": list(self.faults),
            "seed": self.seed,
            "success": self.success,
            "end": self.end,
            "steps": self.steps,
            **self.metrics,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> EpisodeResult:
        """The inverse of `as_dict`."""
        named = {"policy", "scenario", "weather", "faults", "seed", "success", "end", "steps"}
        return cls(
            policy=str(values["policy"]),
            scenario=str(values["scenario"]),
            seed=int(values["seed"]),
            success=bool(values["success"]),
            end=str(values["end"]),
            steps=int(values["steps"]),
            metrics={k: float(v) for k, v in values.items() if k not in named},
            weather=str(values["weather"]),
            faults=tuple(values["faults"]),
        )


def condition_name(weather: str, faults: Sequence[str]) -> str:
    """``night, gaussian_noise:3``; ``clear`` alone without faults."""
    return ", ".join((weather, *faults))


ALL_SCENARIOS = "all"
"""The scenario name under which an aggregate over every scenario of a policy is listed."""


@dataclass(frozen=True)
class Aggregate:
    """All episodes of one policy in one scenario (or in all), with intervals.

    Attributes:
        success_rate: share of successes, Wilson interval.
        metrics: mean of every metric over the episodes that have it (their number is the estimate's n), bootstrap
            interval. What is called ``_rms_`` is pooled over episodes as the mean of squares, so that it is the RMS
            over all time and not a mean of roots.
        ends: how many episodes ended in which way.
    """

    policy: str
    scenario: str
    weather: str
    faults: tuple[str, ...]
    n: int
    success_rate: Estimate
    metrics: Mapping[str, Estimate]
    ends: Mapping[str, int] = field(default_factory=dict)

    @property
    def condition(self) -> str:
        """Weather and faults in words, as in `condition_name`."""
        return condition_name(self.weather, self.faults)

    def as_dict(self) -> dict[str, Any]:
        """As in design: ``{policy, scenario, weather, faults, n, success_rate: {mean, low, high}, ...}``."""
        return {
            "policy": self.policy,
            "scenario": self.scenario,
            "weather": self.weather,
            "faults": list(self.faults),
            "n": self.n,
            "ends": dict(self.ends),
            "success_rate": self.success_rate.as_dict(),
            **{name: estimate.as_dict() for name, estimate in self.metrics.items()},
        }


def aggregate(episodes: Sequence[EpisodeResult]) -> list[Aggregate]:
    """One row for each (policy, scenario, weather, faults), in order of appearance, then one per policy over all."""
    groups: dict[tuple[str, str, str, tuple[str, ...]], list[EpisodeResult]] = {}
    for episode in episodes:
        groups.setdefault((episode.policy, episode.scenario, episode.weather, episode.faults), []).append(episode)
    scenarios_of: dict[tuple[str, str, tuple[str, ...]], set[str]] = {}
    for policy, scenario, weather, faults in groups:
        scenarios_of.setdefault((policy, weather, faults), set()).add(scenario)
    for (policy, weather, faults), scenarios in scenarios_of.items():
        if len(scenarios) > 1:
            same = [e for e in episodes if (e.policy, e.weather, e.faults) == (policy, weather, faults)]
            groups[(policy, ALL_SCENARIOS, weather, faults)] = same
    return [_aggregate(key, rows) for key, rows in groups.items()]


def _aggregate(key: tuple[str, str, str, tuple[str, ...]], rows: Sequence[EpisodeResult]) -> Aggregate:
    policy, scenario, weather, faults = key
    metrics = {}
    for name in dict.fromkeys(name for row in rows for name in row.metrics):
        values = [row.metrics[name] for row in rows if name in row.metrics]
        if "_rms_" in name:
            squared = bootstrap_mean([v * v for v in values])
            metrics[name] = Estimate(squared.mean**0.5, squared.low**0.5, squared.high**0.5, squared.n)
        else:
            metrics[name] = bootstrap_mean(values)
    ends: dict[str, int] = {}
    for row in rows:
        ends[row.end] = ends.get(row.end, 0) + 1
    return Aggregate(
        policy, scenario, weather, faults, len(rows), success_rate([r.success for r in rows]), metrics, ends
    )


def write_results(
    path: Path, episodes: Sequence[EpisodeResult], *, command: str, versions: Mapping[str, str]
) -> dict[str, Any]:
    """Write ``results.json`` whole or not at all; gives back what was written."""
    document = {
        "schema": SCHEMA,
        "versions": dict(versions),
        "command": command,
        "policies": _unique(e.policy for e in episodes),
        "scenarios": _unique(e.scenario for e in episodes),
        "episodes": [e.as_dict() for e in episodes],
        "aggregate": [a.as_dict() for a in aggregate(episodes)],
    }
    write_json(path, document)
    return document


def read_episodes(path: Path) -> list[EpisodeResult]:
    """The episodes of a ``results.json``.

    Raises:
        BadResults: not a results file of this schema.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["schema"] != SCHEMA:
            raise BadResults(f"{path}: results of schema {document['schema']}, this version reads schema {SCHEMA}")
        return [EpisodeResult.from_dict(row) for row in document["episodes"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadResults(f"{path}: not a results file of liquid-pilot ({error})") from error


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
