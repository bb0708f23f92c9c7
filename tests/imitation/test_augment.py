from __future__ import annotations

import numpy as np
import pytest
import torch

from liquid_pilot.imitation import Augmentation
from liquid_pilot.imitation.augment import Augmenter

QUIET = Augmentation(noise_share=0.0, light_share=0.0)


def grey(windows: int = 64, value: int = 128) -> torch.Tensor:
    return torch.full((windows, 2, 20, 30, 3), value, dtype=torch.uint8)


def test_without_augmentation_pictures_stay_to_the_last_bit():
    images = torch.randint(0, 256, (4, 2, 20, 30, 3), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    assert torch.equal(Augmenter(QUIET, 0).apply(images.clone(), "a", 0), images)


def test_the_same_key_gives_the_same_pictures_and_another_key_others():
    one, two = Augmenter(Augmentation(), 5), Augmenter(Augmentation(), 5)
    two.apply(grey(), "a", 17)  # what was asked before does not matter
    changed = one.apply(grey(), "a", 3)
    assert torch.equal(changed, two.apply(grey(), "a", 3))
    assert not torch.equal(changed, one.apply(grey(), "a", 4))
    assert not torch.equal(changed, one.apply(grey(), "b", 3))
    assert not torch.equal(changed, Augmenter(Augmentation(), 6).apply(grey(), "a", 3))


def test_noise_has_the_shares_and_levels_of_the_recipe():
    settings = Augmentation(noise_share=0.5, noise=0.2, light_share=0.0)
    augmenter = Augmenter(settings, 0)
    images = torch.cat([augmenter.apply(grey(), "a", step) for step in range(20)]).double().flatten(1)
    deviation = images.std(1)
    noisy = deviation > 0
    assert abs(float(noisy.double().mean()) - 0.5) < 0.06
    levels = deviation[noisy] / 255.0
    assert float(levels.max()) < 0.205  # uniform in [0, 0.2], and clipping takes little from mid-grey
    assert abs(float(levels.mean()) - 0.1) < 0.01
    assert abs(float(images[noisy].mean()) - 128.0) < 0.5


def test_every_frame_has_noise_of_its_own():
    augmenter = Augmenter(Augmentation(noise_share=1.0, light_share=0.0), 0)
    window = augmenter.apply(grey(1), "a", 0)[0].double()
    one, two = (frame.flatten() - 128.0 for frame in window)
    assert abs(float((one @ two) / (one.norm() * two.norm()))) < 0.1


def test_light_changes_a_window_as_a_whole_and_channels_apart():
    settings = Augmentation(noise_share=0.0, light_share=1.0, brightness=0.2, contrast=0.0, tint=0.2)
    images = Augmenter(settings, 0).apply(grey(), "a", 0)
    assert (images == images[:, :1, :1, :1]).all()
    colours = images[:, 0, 0, 0].double()
    assert float(colours.std(0).min()) > 5.0
    assert float((colours[:, 0] - colours[:, 1]).abs().max()) > 10.0
    assert 128 * np.exp(-0.41) < float(colours.min()) < float(colours.max()) < 128 * np.exp(0.41)


def test_pictures_larger_than_the_noise_bank_are_noisy_too():
    augmenter = Augmenter(Augmentation(noise_share=1.0, noise=0.3, light_share=0.0), 0)
    images = augmenter.apply(torch.full((1, 1, 1100, 1000, 3), 128, dtype=torch.uint8), "a", 0)
    assert float(images.double().std()) > 1.0


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_mirrors_come_in_their_share(share: float):
    augmenter = Augmenter(Augmentation(mirror_share=share), 0)
    drawn = np.concatenate([augmenter.mirrored("m", step, 50) for step in range(40)])
    assert abs(drawn.mean() - share) < 0.05


def test_what_is_measured_is_wrong_by_one_offset_in_a_window():
    values = torch.randn(400, 6, 2, generator=torch.Generator().manual_seed(0))
    assert Augmenter(Augmentation(), 3).measured(values, "x", 1) is values
    augmenter = Augmenter(Augmentation(measured_offset=(0.5, 0.0)), 3)
    added = augmenter.measured(values, "x", 1) - values
    assert torch.allclose(added, added[:, :1], atol=1e-5)
    assert added[:, 0, 0].std().item() == pytest.approx(0.5, abs=0.05)
    assert abs(added[:, 0, 0].mean().item()) < 0.08
    assert not added[..., 1].any()
    assert torch.equal(augmenter.measured(values, "x", 1), augmenter.measured(values, "x", 1))
    assert not torch.equal(augmenter.measured(values, "x", 1), augmenter.measured(values, "x", 2))
