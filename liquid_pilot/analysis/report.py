"""``report.html``: one self-contained page that says how often, how well, and where it failed."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from liquid_pilot.analysis.figures import route_figure, success_figure
from liquid_pilot.analysis.results import ALL_SCENARIOS, Aggregate, EpisodeResult, aggregate
from liquid_pilot.analysis.trace import EpisodeTrace
from liquid_pilot.files import write_text

COLUMNS = (
    ("cte_rms_m", "%.2f"),
    ("cte_p95_m", "%.2f"),
    ("cte_max_m", "%.2f"),
    ("lane_invasions_per_km", "%.2f"),
    ("speed_mean_mps", "%.1f"),
)
"""Metrics shown with their interval; results.json holds all of them."""

STRAIGHT = 2e-4
"""Curvature in 1/m below which the failure table calls the road straight."""


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
    """Write the report whole or not at all; videos are embedded, so that the page can be sent to a colleague alone."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    rows = aggregate([e.result for e in episodes])
    environment = Environment(
        loader=PackageLoader("liquid_pilot.analysis"), autoescape=True, undefined=StrictUndefined, trim_blocks=False
    )
    text = environment.get_template("report.html.j2").render(
        title=title,
        headline=headlines(rows),
        rows=rows,
        columns=COLUMNS,
        all_scenarios=ALL_SCENARIOS,
        success_svg=success_figure(rows),
        videos=[{"source": _data_uri(v.path), "caption": v.caption} for v in videos],
        failures=[_failure(e) for e in episodes if not e.result.success],
        figures=[
            {"scenario": name, "svg": route_figure(_traces_by_policy(episodes, name))}
            for name in dict.fromkeys(e.result.scenario for e in episodes)
        ],
        cards=dict(cards or {}),
        command=command,
        versions=dict(versions),
        footnotes=list(footnotes),
    )
    write_text(path, text)


def headlines(rows: Sequence[Aggregate]) -> list[str]:
    """One sentence per policy: how often it kept its lane, with the interval, and how well."""
    lines = []
    for policy in dict.fromkeys(r.policy for r in rows):
        of_policy = [r for r in rows if r.policy == policy]
        row = next((r for r in of_policy if r.scenario == ALL_SCENARIOS), of_policy[0])
        rate = row.success_rate
        lines.append(
            f"{policy} kept its lane in {round(rate.mean * row.n)} of {row.n} episodes "
            f"({100 * rate.mean:.0f} %, 95 % interval {100 * rate.low:.0f} to {100 * rate.high:.0f} %), "
            f"{row.metrics['cte_rms_m'].mean:.2f} m RMS off the lane's centre."
        )
    return lines


def _traces_by_policy(episodes: Sequence[DrivenEpisode], scenario: str) -> dict[str, list[EpisodeTrace]]:
    traces: dict[str, list[EpisodeTrace]] = {}
    for episode in episodes:
        if episode.result.scenario == scenario:
            traces.setdefault(episode.result.policy, []).append(episode.trace)
    return traces


def _failure(episode: DrivenEpisode) -> dict[str, object]:
    trace, result = episode.trace, episode.result
    curvature = float(trace["curvature"][-1])
    return {
        "policy": result.policy,
        "scenario": result.scenario,
        "seed": result.seed,
        "end": result.end,
        "time": float(trace["time"][-1]),
        "position": float(trace["route_position"][-1]),
        "speed": float(trace["speed"][-1]),
        "error": float(trace["cross_track_error"][-1]),
        "radius": "straight"
        if abs(curvature) < STRAIGHT
        else f"{1 / abs(curvature):.0f} {'left' if curvature > 0 else 'right'}",
    }


def _data_uri(path: Path) -> str:
    return "data:video/mp4;base64," + base64.b64encode(path.read_bytes()).decode("ascii")
