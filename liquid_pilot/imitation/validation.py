"""How well a network copies the expert on roads that it did not learn from, and whether an action was not learned."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import torch

from liquid_pilot.imitation.material import Batch
from liquid_pilot.imitation.module import StageModule

PLATEAU = 0.9
"""An action whose squared error is more than this share of its labels' variance was not learned: a constant has 1."""


@dataclass(frozen=True)
class Validation:
    """loss: in the units of the training loss; error and variance: by action name, mean squared error and variance of
    the labels in squared units of the action."""

    loss: float
    error: dict[str, float]
    variance: dict[str, float]

    def share(self, action: str) -> float:
        """Error as a share of the variance: 0 is perfect, 1 is what a constant reaches."""
        return self.error[action] / max(self.variance[action], 1e-12)

    @property
    def plateaus(self) -> tuple[str, ...]:
        """Actions that stayed (nearly) constant."""
        return tuple(name for name in self.error if self.share(name) > PLATEAU)

    def summary(self) -> str:
        """One line for people."""
        return ", ".join(
            f"{name} error {error:.5f} = {self.share(name):.0%} of the labels' variance {self.variance[name]:.5f}"
            for name, error in self.error.items()
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; ``Validation(**value)`` reads it back."""
        return asdict(self)


@torch.no_grad()
def validate(module: StageModule, batches: Iterable[Batch]) -> Validation:
    """Run a stage's network over validation batches, without augmentation."""
    was_training = module.training
    module.eval()
    outputs: list[torch.Tensor] = []
    labels: list[torch.Tensor] = []
    for batch in batches:
        outputs.append(module.outputs(batch).flatten(0, 1))
        labels.append(batch.labels.flatten(0, 1))
    module.train(was_training)
    guessed, wanted = torch.cat(outputs), torch.cat(labels)
    loss = float(module.action_loss(guessed[None], wanted[None], torch.ones(1, len(wanted))))
    scale = module.network.target_scale.double()
    error = ((guessed - wanted).double() / scale).square().mean(0)
    variance = (wanted.double() / scale).var(0, correction=0)
    names = module.network.config.actions
    return Validation(
        loss=loss,
        error={name: float(value) for name, value in zip(names, error, strict=True)},
        variance={name: float(value) for name, value in zip(names, variance, strict=True)},
    )
