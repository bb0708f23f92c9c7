"""Squared errors of actions and of privileged truth, weighted."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, tensor

from liquid_pilot.imitation.config import TrainConfig


@dataclass(frozen=True)
class ActionLoss:
    """Weighted squared error in the network's output units.

    weight, emphasis: (A,); a frame's squared error of action a counts weight_a (1 + emphasis_a |label_a|).
    """

    weight: Tensor
    emphasis: Tensor

    @staticmethod
    def of(config: TrainConfig) -> ActionLoss:
        """The loss of a recipe, for the network's actions in their order."""
        recipes = [config.actions[name] for name in config.network.actions]
        return ActionLoss(tensor([one.weight for one in recipes]), tensor([one.emphasis for one in recipes]))

    def __call__(self, outputs: Tensor, labels: Tensor, counts: Tensor) -> Tensor:
        """Mean over the frames that count of outputs and labels (B, T, A); counts: (B, T) in [0, 1]."""
        error = (outputs - labels).square() * self.weight * (1.0 + self.emphasis * labels.abs())
        return (error.sum(-1) * counts).sum() / counts.sum().clamp_min(1.0)


def truth_loss(guesses: Tensor, truth: Tensor) -> Tensor:
    """Mean squared error of guesses of standardised truth (B, T, Q), summed over the Q values; 0 for Q = 0."""
    return (guesses - truth).square().sum(-1).mean()
