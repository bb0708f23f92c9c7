"""How an episode of each kind is judged and told: its metrics, and what a report says and draws of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from liquid_pilot.analysis.figures import flight_figure, route_figure
from liquid_pilot.analysis.flying import flight_metrics
from liquid_pilot.analysis.lane_keeping import lane_keeping_metrics
from liquid_pilot.analysis.results import Aggregate
from liquid_pilot.analysis.trace import EpisodeTrace

STRAIGHT = 2e-4
"""Curvature in 1/m below which the failure table calls the road straight."""


@dataclass(frozen=True)
class Column:
    """A metric as a column of the report's table; ``form`` is a printf format of value x ``scale``."""

    metric: str
    heading: str
    form: str
    scale: float = 1.0
    interval: bool = True

    def of(self, row: Aggregate) -> tuple[str, str]:
        """The mean and its interval as text; a dash and nothing where no episode has this metric."""
        estimate = row.metrics.get(self.metric)
        if estimate is None:
            return "–", ""
        mean, low, high = (self.form % (self.scale * v) for v in (estimate.mean, estimate.low, estimate.high))
        return mean, f"{low}–{high}" if self.interval else ""


@dataclass(frozen=True)
class Judging:
    """What differs between the kinds of episodes when they are judged and told.

    Attributes:
        kind: of the traces.
        metrics: all metrics of one trace by name.
        means_success: one sentence for the report.
        did: what a success is, between the policy's name and the number of episodes.
        axis: of the figure of success.
        quality: metric of the headline and the table of conditions, its heading there, and the words around its value.
        columns: of the report's table.
        where_failed: columns of the table of failures: heading, and what the last step of a trace says.
        figure: traces by policy as SVG.
        figure_heading: above these figures.
    """

    kind: str
    metrics: Callable[[EpisodeTrace], dict[str, float]]
    means_success: str
    did: str
    axis: str
    quality: tuple[str, str, str]
    columns: tuple[Column, ...]
    where_failed: tuple[tuple[str, Callable[[EpisodeTrace], str]], ...]
    figure: Callable[[Mapping[str, Sequence[EpisodeTrace]]], str]
    figure_heading: str


CONTROL_STEP = (
    Column("inference_p50_ms", "control step p50 ms", "%.2f", interval=False),
    Column("inference_p99_ms", "p99 ms", "%.2f", interval=False),
)
"""Picture in, action out, as this machine took for it beside its other work."""


def _last(column: str, form: str, scale: float = 1.0) -> Callable[[EpisodeTrace], str]:
    return lambda trace: form % (scale * float(trace[column][-1]))


def _radius(trace: EpisodeTrace) -> str:
    curvature = float(trace["curvature"][-1])
    if abs(curvature) < STRAIGHT:
        return "straight"
    return f"{1 / abs(curvature):.0f} {'left' if curvature > 0 else 'right'}"


LANE_KEEPING = Judging(
    kind="driving",
    metrics=lambda trace: lane_keeping_metrics(trace).as_dict(),
    means_success="the whole route driven without the car's centre leaving its lane and without a crash",
    did="kept its lane in",
    axis="episodes completed in lane, %   (bar: 95 % interval)",
    quality=("cte_rms_m", "off centre RMS", "%.2f m RMS off the lane's centre"),
    columns=(
        Column("cte_rms_m", "RMS off centre m", "%.2f"),
        Column("cte_p95_m", "p95 m", "%.2f"),
        Column("cte_max_m", "max m", "%.2f"),
        Column("lane_invasions_per_km", "wheel over edge /km", "%.2f"),
        Column("speed_mean_mps", "speed m/s", "%.1f"),
        Column("comfort_share", "comfort %", "%.0f", scale=100.0, interval=False),
        Column("driving_score_20", "driving score 2.0", "%.1f", interval=False),
        Column("driving_score_21", "2.1", "%.1f", interval=False),
        *CONTROL_STEP,
    ),
    where_failed=(
        ("after s", _last("time", "%.1f")),
        ("at m", _last("route_position", "%.0f")),
        ("speed m/s", _last("speed", "%.1f")),
        ("off centre m", _last("cross_track_error", "%+.2f")),
        ("curve radius m", _radius),
    ),
    figure=route_figure,
    figure_heading="Along the route",
)

FLYING = Judging(
    kind="flight",
    metrics=flight_metrics,
    means_success="within the scenario's radius of the target, slow enough, for long enough, within the time limit and "
    "without touching anything",
    did="reached the target in",
    axis="flights that reached the target, %   (bar: 95 % interval)",
    quality=("clearance_min_m", "clearance", "%.2f m clear of everything at the closest"),
    columns=(
        Column("time_to_goal_s", "time to goal s", "%.1f"),
        Column("path_ratio", "path / straight line", "%.2f"),
        Column("clearance_min_m", "least clearance m", "%.2f"),
        Column("collision", "collisions %", "%.0f", scale=100.0),
        Column("speed_mean_mps", "speed m/s", "%.1f"),
        Column("tracking_rms_mps", "off command RMS m/s", "%.2f", interval=False),
        Column("tilt_max_rad", "greatest tilt deg", "%.0f", scale=math.degrees(1.0), interval=False),
        Column("control_effort", "effort", "%.2f", interval=False),
        *CONTROL_STEP,
    ),
    where_failed=(
        ("after s", _last("time", "%.1f")),
        ("target still at m", _last("distance", "%.1f")),
        ("and at deg", _last("bearing", "%+.0f", math.degrees(1.0))),
        ("speed m/s", _last("speed", "%.1f")),
        ("height m", _last("z", "%.1f")),
        ("clearance m", _last("clearance", "%.2f")),
    ),
    figure=flight_figure,
    figure_heading="As flown, seen from above",
)

JUDGING: Mapping[str, Judging] = {judging.kind: judging for judging in (LANE_KEEPING, FLYING)}
"""By the kind of the trace."""
