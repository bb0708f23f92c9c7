"""Imitation: learning to drive from recorded drives.

``train(TrainConfig(), drives, out)`` does all of it. Names are imported when they are first used: the recipe can be
shown and checked without loading torch and Lightning.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from liquid_pilot.imitation.choice import ClosedLoopScore
    from liquid_pilot.imitation.config import (
        JOINT,
        STAGED,
        ActionRecipe,
        Augmentation,
        JointStage,
        LiquidStage,
        PerceptionStage,
        Stage,
        TrainConfig,
    )
    from liquid_pilot.imitation.progress import Progress
    from liquid_pilot.imitation.result import TrainResult
    from liquid_pilot.imitation.trainer import train
    from liquid_pilot.imitation.validation import Validation

_HOMES = {
    "choice": ("ClosedLoopScore",),
    "config": (
        "JOINT",
        "STAGED",
        "ActionRecipe",
        "Augmentation",
        "JointStage",
        "LiquidStage",
        "PerceptionStage",
        "Stage",
        "TrainConfig",
    ),
    "progress": ("Progress",),
    "result": ("TrainResult",),
    "trainer": ("train",),
    "validation": ("Validation",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "JOINT",
    "STAGED",
    "ActionRecipe",
    "Augmentation",
    "ClosedLoopScore",
    "JointStage",
    "LiquidStage",
    "PerceptionStage",
    "Progress",
    "Stage",
    "TrainConfig",
    "TrainResult",
    "Validation",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
