"""What a training leaves behind, and the card that goes with a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from liquid_pilot import __version__
from liquid_pilot.imitation.choice import ClosedLoopScore
from liquid_pilot.imitation.config import TrainConfig
from liquid_pilot.imitation.validation import Validation

BEST, LAST, FILE = "best", "last", "training.json"


@dataclass(frozen=True)
class TrainResult:
    """A finished training.

    folder: holds ``best/`` and ``last/`` (checkpoints), ``curves.csv``, ``curves.png`` and ``training.json``; step: of
    the last stage, where the best network was taken; validation: of that network; scores: of the closed-loop check, by
    step; frames: {"training", "validation"}; split_by: what was kept apart, "road" or "drive"; steps: by stage;
    seconds: of all stages, without the closed-loop check; frames_per_second: of the stages that train the head.
    """

    folder: Path
    step: int
    validation: Validation
    scores: Mapping[int, ClosedLoopScore]
    frames: Mapping[str, int]
    split_by: str
    steps: Mapping[str, int]
    seconds: float
    frames_per_second: float

    @property
    def best(self) -> Path:
        """Checkpoint of the network to drive with."""
        return self.folder / BEST

    @property
    def last(self) -> Path:
        """Checkpoint of the network at the end of the last stage."""
        return self.folder / LAST

    @property
    def plateaus(self) -> tuple[str, ...]:
        """Actions that the network did not learn: it answers with (nearly) a constant."""
        return self.validation.plateaus

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "step": self.step,
            "validation": self.validation.to_dict(),
            "plateaus": list(self.plateaus),
            "scores": {str(step): vars(score) for step, score in self.scores.items()},
            "frames": dict(self.frames),
            "split_by": self.split_by,
            "steps": dict(self.steps),
            "seconds": self.seconds,
            "frames_per_second": self.frames_per_second,
        }

    @staticmethod
    def from_dict(folder: Path, value: Mapping[str, Any]) -> TrainResult:
        """Read what `to_dict` gave."""
        return TrainResult(
            folder=folder,
            step=value["step"],
            validation=Validation(**value["validation"]),
            scores={int(step): ClosedLoopScore(**score) for step, score in value["scores"].items()},
            frames=value["frames"],
            split_by=value["split_by"],
            steps=value["steps"],
            seconds=value["seconds"],
            frames_per_second=value["frames_per_second"],
        )


def write_card(config: TrainConfig, drives: int, result: TrainResult) -> str:
    """Markdown about a network: the data, the recipe, and how well it copies the expert."""
    stages = "\n".join(f"- {name}: {steps} steps" for name, steps in result.steps.items())
    lines = [
        f"# {config.network.controller}",
        "",
        f"Trained by imitation with liquid-pilot {__version__}.",
        "",
        "## Data",
        f"{drives} drives: {result.frames['training']} frames to learn from, {result.frames['validation']} for "
        f"validation (kept apart by {result.split_by}).",
        "",
        "## Recipe",
        stages,
        f"- seed {config.seed}, network seed {config.network.seed}; every other number is in training.json",
        "",
        "## On roads that it did not learn from",
        *(
            f"- {name}: mean squared error {error:.6f}, {result.validation.share(name):.1%} of the labels' variance"
            for name, error in result.validation.error.items()
        ),
    ]
    for name in result.plateaus:
        lines.append(f"- **{name} was not learned**: the answers are as good as constant")
    score = result.scores.get(result.step)
    if score is not None:
        lines += [
            "",
            "## Closed loop, in the worlds where this network was chosen among the last ones",
            f"{score.success:.0%} of {score.episodes} episodes succeeded, {score.completion:.0%} of the way made, "
            f"error {score.error:.3f} m RMS. Chosen in these very worlds, so judge it in others.",
        ]
    return "\n".join(lines) + "\n"
