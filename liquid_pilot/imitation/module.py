"""One training step of each stage, as Lightning modules."""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn

from liquid_pilot.imitation.config import JointStage, LiquidStage, PerceptionStage, TrainConfig
from liquid_pilot.imitation.errors import TrainingDiverged
from liquid_pilot.imitation.head import Encoder
from liquid_pilot.imitation.loss import ActionLoss, truth_loss
from liquid_pilot.imitation.material import Batch
from liquid_pilot.nn import PilotNetwork
from liquid_pilot.randomness import generator


class Readout(nn.Module):
    """Auxiliary readout of single frames, dropped after training: controller inputs -> labels and truth.

    inputs: width of what the controller reads (features and coded measurements); hidden 0 makes it linear.
    """

    def __init__(self, inputs: int, hidden: int, actions: int, truths: int, seed: int) -> None:
        super().__init__()
        self.actions = actions
        sizes = [inputs, hidden, actions + truths] if hidden else [inputs, actions + truths]
        # Built on "meta" and filled below, so that no global random number is drawn.
        layers = [nn.Linear(a, b, device="meta").to_empty(device="cpu") for a, b in itertools.pairwise(sizes)]
        self.layers = nn.ModuleList(layers)
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                bound = 1.0 / math.sqrt(inputs)
                values = generator(seed, f"readout/{name}").uniform(-bound, bound, tuple(parameter.shape))
                parameter.copy_(torch.from_numpy(values))

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Labels (..., A) and truth (..., Q) guessed from inputs (..., F)."""
        for number, layer in enumerate(self.layers):
            inputs = layer(torch.relu(inputs) if number else inputs)
        return inputs[..., : self.actions], inputs[..., self.actions :]


class StageModule(LightningModule, ABC):
    """What all stages share: optimiser, learning rates by step, clipping by part.

    ``rates`` names the parts that learn (``head``, ``controller``, ``readout``) with their learning rates.
    """

    def __init__(
        self, network: PilotNetwork, config: TrainConfig, steps: int, rates: dict[str, float], warm_up: float
    ) -> None:
        super().__init__()
        self.network = network
        self.readout: Readout | None = None
        self.config = config
        self.steps = steps
        self.rates = rates
        self.warm_up = warm_up
        self.action_loss = ActionLoss.of(config)
        self.encoder = Encoder(network, config.precision, config.threads)

    @abstractmethod
    def loss(self, batch: Batch) -> Tensor:
        """The training loss of a batch."""

    @abstractmethod
    def outputs(self, batch: Batch) -> Tensor:
        """The stage's guess (B, T, A) of the labels, for validation."""

    def parts(self) -> dict[str, list[nn.Parameter]]:
        """The parameters that learn, by part."""
        owners: dict[str, nn.Module | None] = {
            "head": self.network.head,
            "controller": self.network.controller,
            "readout": self.readout,
        }
        return {name: list(owner.parameters()) for name in self.rates if (owner := owners[name]) is not None}

    def training_step(self, batch: Batch, _index: int) -> Tensor:
        """Lightning's step; raises `TrainingDiverged` instead of learning from NaN."""
        loss = self.loss(batch)
        if not torch.isfinite(loss):
            raise TrainingDiverged(
                f"the loss became {loss.item()} at step {self.global_step} of {self.steps}: train again with smaller "
                "learning rates or another seed"
            )
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW without decay: weights of 252 synapses are no ballast, and a decayed conductance is a cut one."""
        groups = [{"params": part, "lr": self.rates[name], "name": name} for name, part in self.parts().items()]
        return torch.optim.AdamW(groups, weight_decay=0.0)

    def rate_factor(self, step: int) -> float:
        """Learning rate of a step as a share of the full one: linear warm-up, then a cosine."""
        rise = self.warm_up * self.steps
        if step < rise:
            return (step + 1) / (rise + 1)
        progress = (step - rise) / max(1.0, self.steps - rise)
        last = self.config.final_learning_rate
        return last + (1.0 - last) * 0.5 * (1.0 + math.cos(math.pi * progress))

    def on_train_batch_start(self, _batch: Any, _index: int) -> None:
        """Set the learning rates of this step; a pure function of the step needs no state to resume."""
        optimizer = self.optimizers()
        assert isinstance(optimizer, torch.optim.Optimizer)
        for group in optimizer.param_groups:
            group["lr"] = self.rates[group["name"]] * self.rate_factor(self.global_step)

    def configure_gradient_clipping(self, optimizer: Any, *settings: Any, **named: Any) -> None:  # noqa: ARG002
        """Clip each part's gradient norm apart."""
        for part in self.parts().values():
            nn.utils.clip_grad_norm_(part, self.config.clip)

    def transfer_batch_to_device(self, batch: Batch, *_where: Any) -> Batch:
        """The batch as it is: everything lives in main memory."""
        return batch

    def optimizer_step(self, *arguments: Any, **named: Any) -> None:
        """As in Lightning; then bring parameters back into their legal ranges, before anything is saved."""
        super().optimizer_step(*arguments, **named)
        self.network.constrain()


class PerceptionModule(StageModule):
    """The head alone on single frames."""

    def __init__(self, network: PilotNetwork, config: TrainConfig, stage: PerceptionStage, steps: int, truths: int):
        rates = {"head": stage.learning_rate, "readout": stage.learning_rate}
        super().__init__(network, config, steps, rates, warm_up=0.03)
        self.readout = Readout(
            network.controller.input_size, stage.hidden, len(config.network.actions), truths, config.network.seed
        )

    def _guess(self, batch: Batch) -> tuple[Tensor, Tensor]:
        assert self.readout is not None
        labels, truth = self.readout(self.network.inputs(self.encoder(batch.pictures), batch.measured))
        return labels, truth

    def loss(self, batch: Batch) -> Tensor:
        """Error of the readout's labels and truth."""
        labels, truth = self._guess(batch)
        return self.action_loss(labels, batch.labels, batch.counts) + self.config.truth_weight * truth_loss(
            truth, batch.truth
        )

    def outputs(self, batch: Batch) -> Tensor:
        """The labels that the readout guesses."""
        return self._guess(batch)[0]


class LiquidModule(StageModule):
    """The controller alone on cached features."""

    def __init__(self, network: PilotNetwork, config: TrainConfig, stage: LiquidStage, steps: int):
        rates = {"controller": config.controller_learning_rate(stage)}
        super().__init__(network, config, steps, rates, warm_up=0.03)

    def loss(self, batch: Batch) -> Tensor:
        """Error of the controller's outputs."""
        return self.action_loss(self.outputs(batch), batch.labels, batch.counts)

    def outputs(self, batch: Batch) -> Tensor:
        """The controller's outputs; ``batch.pictures`` holds features here."""
        return self.network.control(batch.pictures, batch.measured, None, batch.elapsed)[0]


class JointModule(StageModule):
    """Head and controller end to end, with a linear readout beside the controller."""

    def __init__(self, network: PilotNetwork, config: TrainConfig, stage: JointStage, steps: int, truths: int):
        rates = {"head": stage.learning_rate, "controller": config.controller_learning_rate(stage)}
        if stage.readout:
            rates["readout"] = rates["controller"]
        super().__init__(network, config, steps, rates, stage.warm_up)
        self.readout_weight = stage.readout
        if stage.readout:
            self.readout = Readout(
                network.controller.input_size, 0, len(config.network.actions), truths, config.network.seed
            )

    def loss(self, batch: Batch) -> Tensor:
        """Error of the controller's outputs and, weighted, of the readout."""
        features = self.encoder(batch.pictures)
        outputs, _ = self.network.control(features, batch.measured, None, batch.elapsed)
        loss = self.action_loss(outputs, batch.labels, batch.counts)
        if self.readout is not None:
            labels, truth = self.readout(self.network.inputs(features, batch.measured))
            beside = self.action_loss(labels, batch.labels, batch.counts)
            loss = loss + self.readout_weight * (beside + self.config.truth_weight * truth_loss(truth, batch.truth))
        return loss

    def outputs(self, batch: Batch) -> Tensor:
        """The controller's outputs."""
        return self.network.control(self.encoder(batch.pictures), batch.measured, None, batch.elapsed)[0]
