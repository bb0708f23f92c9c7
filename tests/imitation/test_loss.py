from __future__ import annotations

import numpy as np
import torch

from liquid_pilot.imitation import ActionRecipe, TrainConfig
from liquid_pilot.imitation.loss import ActionLoss, truth_loss


def test_the_loss_is_the_weighted_error_of_the_frames_that_count():
    recipe = TrainConfig(
        actions={"steering": ActionRecipe(weight=2.0, emphasis=1.5), "acceleration": ActionRecipe(weight=0.5)}
    )
    rng = np.random.default_rng(0)
    outputs, labels = rng.normal(size=(2, 3, 4, 2))
    counts = np.array([[0, 1, 1, 1], [1, 1, 1, 1], [0, 0, 1, 1]], float)
    expected = 0.0
    for window in range(3):
        for frame in range(4):
            steering, acceleration = (outputs[window, frame] - labels[window, frame]) ** 2
            steering *= 2.0 * (1.0 + 1.5 * abs(labels[window, frame, 0]))
            expected += counts[window, frame] * (steering + 0.5 * acceleration)
    expected /= counts.sum()
    loss = ActionLoss.of(recipe)(*(torch.from_numpy(value) for value in (outputs, labels, counts)))
    assert abs(float(loss) - expected) < 1e-6


def test_truth_counts_every_value_and_nothing_is_no_error():
    guesses, truth = torch.zeros(2, 3, 2), torch.tensor([1.0, 2.0]).expand(2, 3, 2)
    assert float(truth_loss(guesses, truth)) == 5.0
    assert float(truth_loss(torch.zeros(2, 3, 0), torch.zeros(2, 3, 0))) == 0.0
