"""``report.html``: one self-contained page that says how often, how well, and where it failed."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from liquid_pilot.analysis.figures import Cell, matrix_figure, success_figure
from liquid_pilot.analysis.judging import JUDGING, Judging
from liquid_pilot.analysis.results import ALL_SCENARIOS, Aggregate, EpisodeResult, aggregate, condition_name
from liquid_pilot.analysis.trace import EpisodeTrace
from liquid_pilot.files import write_text

MOST_ROUTES = 24
"""Figures along the route in one report: each is some 100 kB."""


@dataclass(frozen=True)
class Video:
    """A video to show in the report: the file and one line about it."""

    path: Path
    caption: str


@dataclass(frozen=True)
class DrivenEpisode:
    """An episode's result together with its trace."""

    result: EpisodeResult
    trace: EpisodeTrace


def write_report(
    path: Path,
    episodes: Sequence[DrivenEpisode],
    *,
    title: str,
    command: str,
    versions: Mapping[str, str],
    videos: Sequence[Video] = (),
    cards: Mapping[str, str] | None = None,
    footnotes: Sequence[str] = (),
) -> None:
    """Write the report whole or not at all; videos are embedded, so that the page can be sent to a colleague alone.

    The episodes are all of one kind.
    """
    judging = JUDGING[episodes[0].trace.kind]
    rows = aggregate([e.result for e in episodes])
    several = len({row.condition for row in rows}) > 1
    routes = list(dict.fromkeys((e.result.scenario, _condition(e)) for e in episodes))
    text = page("report.html.j2").render(
        title=title,
        headline=headlines(rows, judging),
        judging=judging,
        rows=rows,
        all_scenarios=ALL_SCENARIOS,
        several_conditions=several,
        matrices=_matrices(rows) if several else [],
        success_svg="" if several else success_figure(rows, judging.axis),
        videos=shown_videos(videos),
        failures=[_failure(e, judging) for e in episodes if not e.result.success],
        figures=[
            {
                "name": f"{name} ({condition})" if several else name,
                "svg": judging.figure(_traces_by_policy(episodes, name, condition)),
            }
            for name, condition in routes[:MOST_ROUTES]
        ],
        more_routes=len(routes[MOST_ROUTES:]),
        cards=dict(cards or {}),
        command=command,
        versions=dict(versions),
        footnotes=list(footnotes),
    )
    write_text(path, text)


def page(name: str) -> Any:
    """A template of this package by its file name."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("liquid_pilot.analysis")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=False)
    return environment.get_template(name)


def shown_videos(videos: Sequence[Video]) -> list[dict[str, str]]:
    """The videos as templates want them, embedded as data."""
    return [{"source": _data_uri(video.path), "caption": video.caption} for video in videos]


def headlines(rows: Sequence[Aggregate], judging: Judging) -> list[str]:
    """One sentence per policy: how often it did what it should, with the interval, and how well.

    Under several conditions it is about the first of them, and a second sentence names the worst.
    """
    lines = []
    for policy in dict.fromkeys(r.policy for r in rows):
        overall = _overall([r for r in rows if r.policy == policy])
        first = overall[0]
        under = f" in {first.condition}" if len(overall) > 1 else ""
        metric, _, words = judging.quality
        lines.append(f"{policy} {judging.did} {_rate(first)}{under}, {words % first.metrics[metric].mean}.")
        if len(overall) > 1:
            worst = min(overall, key=lambda row: row.success_rate.mean)
            lines.append(f"{policy} at its worst, in {worst.condition}: {_rate(worst)}.")
    return lines


def condition_table(rows: Sequence[Aggregate], judging: Judging) -> list[str]:
    """One aligned line for each policy and condition over all scenarios; nothing when there is but one condition."""
    metric, heading, _ = judging.quality
    cells = [["policy", "conditions", "n", "success", "95 % interval", heading]]
    for policy in dict.fromkeys(row.policy for row in rows):
        for row in _overall([r for r in rows if r.policy == policy]):
            rate = row.success_rate
            interval = f"{100 * rate.low:.0f} to {100 * rate.high:.0f} %"
            quality = f"{row.metrics[metric].mean:.2f} m"
            cells.append([policy, row.condition, str(row.n), f"{100 * rate.mean:.0f} %", interval, quality])
    if len({line[1] for line in cells[1:]}) < 2:
        return []
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    return ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in cells]


def _rate(row: Aggregate) -> str:
    rate = row.success_rate
    return (
        f"{round(rate.mean * row.n)} of {row.n} episodes "
        f"({100 * rate.mean:.0f} %, 95 % interval {100 * rate.low:.0f} to {100 * rate.high:.0f} %)"
    )


def _overall(rows: Sequence[Aggregate]) -> list[Aggregate]:
    """Of one policy's rows those over all scenarios, one per condition; with one scenario they are its own rows."""
    return [row for row in rows if row.scenario == ALL_SCENARIOS] or list(rows)


def _matrices(rows: Sequence[Aggregate]) -> list[dict[str, str]]:
    """A heat map for each policy over all scenarios, then for each scenario."""
    scenarios = sorted({row.scenario for row in rows}, key=lambda name: name != ALL_SCENARIOS)
    return [
        {
            "name": f"{policy}, {'all scenarios' if scenario == ALL_SCENARIOS else scenario}",
            "svg": matrix_figure([_cell(row) for row in own]),
        }
        for scenario in scenarios
        for policy in dict.fromkeys(row.policy for row in rows)
        if (own := [row for row in rows if (row.policy, row.scenario) == (policy, scenario)])
    ]


def _cell(row: Aggregate) -> Cell:
    rate = row.success_rate
    text = f"{100 * rate.mean:.0f} %  ({100 * rate.low:.0f}-{100 * rate.high:.0f}, n {row.n})"
    return Cell(row.weather, row.faults, rate.mean, text)


def _condition(episode: DrivenEpisode) -> str:
    return condition_name(episode.result.weather, episode.result.faults)


def _traces_by_policy(
    episodes: Sequence[DrivenEpisode], scenario: str, condition: str
) -> dict[str, list[EpisodeTrace]]:
    traces: dict[str, list[EpisodeTrace]] = {}
    for episode in episodes:
        if (episode.result.scenario, _condition(episode)) == (scenario, condition):
            traces.setdefault(episode.result.policy, []).append(episode.trace)
    return traces


def _failure(episode: DrivenEpisode, judging: Judging) -> dict[str, object]:
    result = episode.result
    return {
        "policy": result.policy,
        "scenario": result.scenario,
        "condition": _condition(episode),
        "seed": result.seed,
        "end": result.end,
        "cells": [text(episode.trace) for _, text in judging.where_failed],
    }


def _data_uri(path: Path) -> str:
    return "data:video/mp4;base64," + base64.b64encode(path.read_bytes()).decode("ascii")
