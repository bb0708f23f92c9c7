"""Open loop: what a policy answers along a path that it does not decide, against what was recorded there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from liquid_pilot.analysis.results import SCHEMA, condition_name
from liquid_pilot.files import write_json, write_text

if TYPE_CHECKING:
    from liquid_pilot.analysis.report import Video


@dataclass(frozen=True)
class ActionError:
    """How far the answers for one action are from the recorded ones, in units of the action (-1..1).

    Attributes:
        rmse: root of the mean squared error.
        bias: mean error, answered - recorded.
        share: mean squared error as a share of the variance of what was recorded; nan where that never changed.
        worst: greatest absolute error.
    """

    rmse: float
    bias: float
    share: float
    worst: float

    @classmethod
    def of(cls, recorded: npt.NDArray[np.float32], answered: npt.NDArray[np.float32]) -> ActionError:
        """Of two series (T,)."""
        error = answered.astype(np.float64) - recorded
        square, variance = float(np.mean(error**2)), float(np.var(recorded.astype(np.float64)))
        return cls(
            square**0.5, float(error.mean()), square / variance if variance else float("nan"), float(abs(error).max())
        )


@dataclass(frozen=True)
class OpenLoopResult:
    """A policy's answers under one condition, along one recorded drive of ``frames`` frames."""

    policy: str
    scenario: str
    seed: int
    weather: str
    faults: tuple[str, ...]
    frames: int
    errors: Mapping[str, ActionError]
    """By action."""

    @classmethod
    def compare(
        cls,
        *,
        names: Sequence[str],
        recorded: npt.NDArray[np.float32],
        answered: npt.NDArray[np.float32],
        policy: str,
        scenario: str,
        seed: int,
        weather: str,
        faults: tuple[str, ...],
    ) -> OpenLoopResult:
        """Of actions (T, A) recorded and answered; ``names`` are those of the A actions."""
        errors = {name: ActionError.of(recorded[:, i], answered[:, i]) for i, name in enumerate(names)}
        return cls(policy, scenario, seed, weather, faults, len(recorded), errors)

    @property
    def condition(self) -> str:
        """Weather and faults in words."""
        return condition_name(self.weather, self.faults)

    def __str__(self) -> str:
        errors = ", ".join(f"{name} {error.rmse:.3f}" for name, error in self.errors.items())
        return (
            f"{self.policy} in {self.condition}: off the recorded actions by (RMS) {errors} over {self.frames} frames"
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values; a share that does not exist is None."""
        return {
            "policy": self.policy,
            "scenario": self.scenario,
            "seed": self.seed,
            "weather": self.weather,
            "faults": list(self.faults),
            "frames": self.frames,
            "errors": {
                name: {
                    "rmse": error.rmse,
                    "bias": error.bias,
                    "share_of_variance": None if np.isnan(error.share) else error.share,
                    "worst": error.worst,
                }
                for name, error in self.errors.items()
            },
        }


def write_open_loop(
    folder: Path,
    results: Sequence[OpenLoopResult],
    *,
    title: str,
    command: str,
    versions: Mapping[str, str],
    videos: Sequence[Video],
) -> None:
    """Write ``results.json`` and ``report.html`` (a table, heat maps for several conditions, the videos)."""
    from liquid_pilot.analysis.figures import Cell, matrix_figure
    from liquid_pilot.analysis.report import page, shown_videos

    write_json(
        folder / "results.json",
        {
            "schema": SCHEMA,
            "kind": "open-loop",
            "versions": dict(versions),
            "command": command,
            "conditions": [result.as_dict() for result in results],
        },
    )
    names = list(results[0].errors)
    matrices = [
        {
            "name": name,
            # 0.3 is a third of the wheel: whatever is above is as red as it gets.
            "svg": matrix_figure(
                [
                    Cell(r.weather, r.faults, 1.0 - min(1.0, r.errors[name].rmse / 0.3), f"{r.errors[name].rmse:.3f}")
                    for r in results
                ]
            ),
        }
        for name in names
    ]
    text = page("open_loop.html.j2").render(
        title=title,
        results=results,
        names=names,
        matrices=matrices if len(results) > 1 else [],
        videos=shown_videos(videos),
        command=command,
        versions=dict(versions),
    )
    write_text(folder / "report.html", text)
