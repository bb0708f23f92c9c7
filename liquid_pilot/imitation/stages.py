"""Each stage of a recipe, made ready to run: what it trains, what each step sees, what it is validated on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from liquid_pilot.imitation.augment import Augmenter
from liquid_pilot.imitation.config import JointStage, LiquidStage, PerceptionStage, Stage, TrainConfig
from liquid_pilot.imitation.features import Features
from liquid_pilot.imitation.material import Batch, Material
from liquid_pilot.imitation.module import JointModule, LiquidModule, PerceptionModule, StageModule
from liquid_pilot.imitation.sampler import Index, WindowSampler
from liquid_pilot.nn import PilotNetwork
from liquid_pilot.randomness import generator


@dataclass(frozen=True)
class ReadyStage:
    """A stage with its data.

    batch(step) gives what a step learns from, a pure function of the step; validation() gives batches to judge on.
    """

    name: str
    module: StageModule
    steps: int
    frames_per_step: int
    batch: Callable[[int], Batch]
    validation: Callable[[], Iterator[Batch]]


def make_ready(
    number: int,
    stage: Stage,
    network: PilotNetwork,
    config: TrainConfig,
    material: Material,
    features: Features | None,
) -> ReadyStage:
    """Build stage ``number`` of a recipe; a liquid stage needs ``features``."""
    steps = config.steps(stage, material.training_frames)
    name = f"{number + 1}-{stage.kind}"
    length = 1 if isinstance(stage, PerceptionStage) else stage.window
    sampler = WindowSampler.over(
        material.training, material.interest, length, stage.batch, config.seed, f"{name}/windows"
    )
    draw = _Draw(name, sampler, material, Augmenter(config.augmentation, config.seed))
    truths = material.truth.shape[1]
    if isinstance(stage, LiquidStage):
        assert features is not None
        module: StageModule = LiquidModule(network, config, stage, steps)
        batch = draw.of_features(features, stage.burn_in)
    else:
        features = None
        batch = draw.of_pictures(0 if isinstance(stage, PerceptionStage) else stage.burn_in)
        if isinstance(stage, JointStage):
            module = JointModule(network, config, stage, steps, truths)
        else:
            module = PerceptionModule(network, config, stage, steps, truths)
    windows = material.validation_frames(length, config.validation_frames)
    return ReadyStage(
        name=name,
        module=module,
        steps=steps,
        frames_per_step=stage.batch * length,
        batch=batch,
        validation=lambda: _validation(material, windows, features),
    )


@dataclass(frozen=True)
class _Draw:
    name: str
    sampler: WindowSampler
    material: Material
    augmenter: Augmenter

    def of_pictures(self, burn_in: int) -> Callable[[int], Batch]:
        """Windows of augmented pictures."""

        def batch(step: int) -> Batch:
            drawn = self._measured(self.material.take(self.sampler.frames(step), burn_in), step)
            drawn = self.material.mirror(
                drawn, self.augmenter.mirrored(f"{self.name}/mirror", step, self.sampler.batch)
            )
            self.augmenter.apply(drawn.pictures, f"{self.name}/augment", step)
            return drawn

        return batch

    def of_features(self, features: Features, burn_in: int) -> Callable[[int], Batch]:
        """Windows of cached features, each from the clean or from one of the noisy copies."""

        def batch(step: int) -> Batch:
            frames = self.sampler.frames(step)
            copies = generator(self.augmenter.seed, f"{self.name}/copies", step).integers(
                0, 1 + len(features.noisy), len(frames)
            )
            drawn = self._measured(self.material.take(frames, burn_in, pictures=False), step)
            flat = torch.from_numpy(frames)
            pictures = torch.stack([features.copy(int(copy))[rows] for copy, rows in zip(copies, flat, strict=True)])
            mirrored = np.array([copy > 0 and bool(features.mirrored[copy - 1]) for copy in copies])
            return self.material.mirror(replace(drawn, pictures=pictures), mirrored, pictures=False)

        return batch

    def _measured(self, drawn: Batch, step: int) -> Batch:
        return replace(drawn, measured=self.augmenter.measured(drawn.measured, f"{self.name}/measured", step))


def _validation(material: Material, windows: Index, features: Features | None) -> Iterator[Batch]:
    """Unchanged windows in portions of about 128 frames."""
    portion = max(1, 128 // windows.shape[1])
    for start in range(0, len(windows), portion):
        frames = windows[start : start + portion]
        if features is None:
            yield material.take(frames)
        else:
            drawn = material.take(frames, pictures=False)
            yield replace(drawn, pictures=features.clean[torch.from_numpy(frames)])
