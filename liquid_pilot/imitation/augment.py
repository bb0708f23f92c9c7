"""What the sensors might have delivered instead: noise, other light, a mirrored world, another speed.

Every draw is keyed by (seed, purpose, step), and nothing remembers earlier draws.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from liquid_pilot.imitation.config import Augmentation
from liquid_pilot.randomness import generator

_BANK_PICTURES = 48
"""Pictures' worth of normal numbers in the bank. Drawing fresh ones for every step would take longer than the rest of
the step; slices that begin at a random place of the bank differ from each other and cost a tenth."""


@dataclass(frozen=True)
class Augmenter:
    """Applies an :class:`Augmentation` to pictures (B, T, H, W, 3) uint8; one level per window, noise per frame."""

    settings: Augmentation
    seed: int

    @cached_property
    def _bank(self) -> Tensor:
        numbers = generator(self.seed, "noise-bank").standard_normal(_BANK_PICTURES * 200 * 78 * 3, dtype=np.float32)
        return torch.from_numpy(numbers)

    def apply(self, images: Tensor, purpose: str, step: int, *, always: bool = False) -> Tensor:
        """Change ``images`` in place (and return them) as (seed, purpose, step) says.

        ``always`` changes every window instead of the configured shares of them: for stored noisy copies of features.
        """
        rng = generator(self.seed, purpose, step)
        windows = len(images)
        noisy = rng.random(windows) < (1.0 if always else self.settings.noise_share)
        lit = rng.random(windows) < (1.0 if always else self.settings.light_share)
        deviation = 255.0 * rng.uniform(0.0, self.settings.noise, windows) * noisy
        gain = np.exp(rng.uniform(-1.0, 1.0, windows) * self.settings.brightness)
        tint = np.exp(rng.uniform(-1.0, 1.0, (windows, 3)) * self.settings.tint)
        contrast = np.exp(rng.uniform(-1.0, 1.0, windows) * self.settings.contrast)
        gains = torch.from_numpy((gain * contrast)[:, None] * tint).float()
        offsets = torch.from_numpy(127.5 * gain * (1.0 - contrast)).float()
        places = rng.integers(0, 2**62, (windows, images[0].shape[0] if images.dim() == 5 else 1))
        for window in np.flatnonzero(noisy | lit):
            picture = images[window].float()
            if lit[window]:
                picture.mul_(gains[window]).add_(offsets[window])
            if noisy[window]:
                self._add_noise(picture, places[window], float(deviation[window]))
            images[window] = picture.round_().clamp_(0.0, 255.0).to(torch.uint8)
        return images

    def _add_noise(self, window: Tensor, places: np.ndarray, deviation: float) -> None:
        """Add a slice of the bank to each frame (H, W, 3) of a window, in place."""
        frames = window if window.dim() == 4 else window[None]
        size = frames[0].numel()
        bank = self._bank
        if size >= len(bank):  # pictures far bigger than the paper's
            bank = bank.repeat(size // len(bank) + 2)
        for frame, place in zip(frames, places, strict=True):
            start = int(place) % (len(bank) - size)
            frame.add_(bank[start : start + size].view(frame.shape), alpha=deviation)

    def measured(self, values: Tensor, purpose: str, step: int) -> Tensor:
        """What is measured (B, T, K), each window with its own offsets (B, 1, K)."""
        if not self.settings.measured_offset:
            return values
        rng = generator(self.seed, purpose, step)
        offsets = rng.standard_normal((len(values), 1, values.shape[-1])) * np.array(self.settings.measured_offset)
        return values + torch.from_numpy(offsets).float()

    def mirrored(self, purpose: str, step: int, windows: int) -> np.ndarray:
        """Which of the windows (B,) bool are to be seen in a mirror."""
        return generator(self.seed, purpose, step).random(windows) < self.settings.mirror_share
