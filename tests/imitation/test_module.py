from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from liquid_pilot.imitation import JointStage, LiquidStage, PerceptionStage, TrainConfig
from liquid_pilot.imitation.errors import TrainingDiverged
from liquid_pilot.imitation.material import Batch
from liquid_pilot.imitation.module import JointModule, LiquidModule, PerceptionModule, Readout
from liquid_pilot.nn import PilotNetwork
from liquid_pilot.nn.config import PilotConfig

Config = Callable[..., TrainConfig]


def batch(frames: int = 4, windows: int = 3, pictures: bool = True) -> Batch:
    noise = torch.Generator().manual_seed(0)
    shape = (windows, frames)
    return Batch(
        pictures=torch.randint(0, 256, (*shape, 16, 32, 3), generator=noise, dtype=torch.uint8)
        if pictures
        else torch.rand(*shape, 32, generator=noise),
        measured=10.0 + torch.randn(*shape, 1, generator=noise),
        elapsed=torch.full(shape, 0.05),
        labels=torch.randn(*shape, 2, generator=noise),
        truth=torch.randn(*shape, 1, generator=noise),
        counts=torch.ones(shape),
    )


def test_no_global_random_number_is_drawn(config: Config):
    before = torch.get_rng_state()
    network = PilotNetwork(config().network)
    JointModule(network, config(), JointStage(), 10, truths=3)
    PerceptionModule(network, config(), PerceptionStage(), 10, truths=3)
    assert torch.equal(torch.get_rng_state(), before)


def test_readouts_of_one_seed_are_equal():
    one, two, other = (Readout(5, 8, 2, 1, seed) for seed in (1, 1, 2))
    assert torch.equal(one.layers[0].weight, two.layers[0].weight)
    assert not torch.equal(one.layers[0].weight, other.layers[0].weight)
    labels, truth = one(torch.ones(2, 3, 5))
    assert (labels.shape, truth.shape) == ((2, 3, 2), (2, 3, 1))


def test_each_stage_moves_its_own_part_alone(config: Config):
    for make, stage, moving in (
        (PerceptionModule, PerceptionStage(), {"head"}),
        (LiquidModule, LiquidStage(), {"controller"}),
        (JointModule, JointStage(), {"head", "controller"}),
    ):
        network = PilotNetwork(config().network)
        module = make(network, config(), stage, 10, **({} if make is LiquidModule else {"truths": 1}))
        drawn = batch(pictures=make is not LiquidModule)
        module.loss(drawn).backward()
        touched = {name.split(".")[0] for name, p in network.named_parameters() if p.grad is not None and p.grad.any()}
        assert touched == moving
        assert set(module.parts()) - {"readout"} == moving


def test_the_joint_loss_is_the_sum_of_both_ways(config: Config):
    network = PilotNetwork(config().network)
    drawn = batch()
    with torch.no_grad():
        alone = JointModule(network, config(), JointStage(readout=0.0), 10, truths=1).loss(drawn)
        module = JointModule(network, config(truth_weight=0.0), JointStage(readout=1.0), 10, truths=1)
        half = JointModule(network, config(truth_weight=0.0), JointStage(readout=0.5), 10, truths=1)
        assert module.readout is not None
        features = network.encode(drawn.pictures.flatten(0, 1)).unflatten(0, (3, 4))
        labels, _ = module.readout(network.inputs(features, drawn.measured))
        beside = module.action_loss(labels, drawn.labels, drawn.counts)
        torch.testing.assert_close(module.loss(drawn), alone + beside)
        torch.testing.assert_close(half.loss(drawn), alone + 0.5 * beside)


def test_gradients_are_clipped_part_by_part(config: Config):
    module = JointModule(PilotNetwork(config().network), config(clip=1.0), JointStage(), 10, truths=1)
    norms = {"head": 100.0, "controller": 0.5, "readout": 3.0}
    for name, part in module.parts().items():
        count = sum(p.numel() for p in part)
        for p in part:
            p.grad = torch.full_like(p, norms[name] / math.sqrt(count))
    module.configure_gradient_clipping(None)
    for name, part in module.parts().items():
        norm = math.sqrt(sum(float(p.grad.double().square().sum()) for p in part if p.grad is not None))
        assert abs(norm - min(1.0, norms[name])) < 1e-4


def test_learning_rates_rise_then_fall_along_a_cosine(config: Config):
    module = JointModule(
        PilotNetwork(config().network), config(final_learning_rate=0.1), JointStage(warm_up=0.1), 100, truths=1
    )
    factors = [module.rate_factor(step) for step in range(100)]
    assert factors[0] < 0.1
    assert factors[:11] == sorted(factors[:11])
    assert abs(factors[10] - 1.0) < 1e-9
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert abs(factors[55] - 0.55) < 1e-9  # half-way between 1 and 0.1
    assert 0.1 < factors[99] < 0.102


def test_a_loss_that_is_no_number_stops_the_training(config: Config):
    module = LiquidModule(PilotNetwork(config().network), config(), LiquidStage(), 10)
    drawn = batch(pictures=False)
    drawn.labels[0, 0, 0] = float("nan")
    with pytest.raises(TrainingDiverged, match="smaller learning rates"):
        module.training_step(drawn, 0)


def test_a_network_that_only_steers_learns_only_steering(config: Config):
    network = PilotConfig(controller="ncp2020", image_height=16, image_width=32)
    module = JointModule(PilotNetwork(network), config(network=network), JointStage(), 10, truths=1)
    drawn = batch()
    short = Batch(**{**vars(drawn), "labels": drawn.labels[..., :1], "measured": drawn.measured[..., :0]})
    assert torch.isfinite(module.loss(short))
    assert module.outputs(short).shape == (3, 4, 1)
