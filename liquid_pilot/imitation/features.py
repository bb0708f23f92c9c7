"""The features of all frames, computed once, for training the controller without the head."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from liquid_pilot.imitation.augment import Augmenter
from liquid_pilot.imitation.head import Encoder
from liquid_pilot.imitation.material import Material
from liquid_pilot.imitation.state_file import load_state, save_state
from liquid_pilot.nn import LTC, PilotNetwork

_BLOCK = 64
"""Frames of a drive that share one level of noise and light in a noisy copy, at the most."""
_TOGETHER = 256
"""Frames that are encoded at a time, of several short drives: as many portions as keep every thread busy."""
_SMALLEST_DEVIATION = 0.02
"""A feature that varies less than this share of the liveliest one is not blown up any further."""


@dataclass(frozen=True)
class Features:
    """clean: (N, F) features of all frames; noisy: (C, N, F) of augmented copies; mirrored: (C,) whether a copy was
    seen in a mirror. Frames outside of training are 0 in the copies."""

    clean: Tensor
    noisy: Tensor
    mirrored: Tensor

    def copy(self, number: int) -> Tensor:
        """Copy 0 is the clean one."""
        return self.clean if number == 0 else self.noisy[number - 1]


@torch.no_grad()
def compute_features(
    encoder: Encoder, material: Material, augmenter: Augmenter, copies: int, progress: Callable[[int], None]
) -> Features:
    """Encode every frame once, and training frames ``copies`` times more with augmentation.

    progress(frames) is called after each block.
    """
    size = encoder.network.head.output_size
    clean = torch.zeros(len(material.elapsed), size)
    for blocks in _together(material.training + material.validation):
        frames = np.concatenate([np.arange(first, end) for first, end in blocks])
        clean[frames] = encoder(torch.from_numpy(material.images[frames])[None])[0]
        progress(len(frames))
    noisy = torch.zeros(copies, len(clean), size)
    mirrored = torch.from_numpy(augmenter.mirrored("feature-mirror", 0, copies))
    for copy in range(copies):
        for blocks in _together(material.training):
            frames = np.concatenate([np.arange(first, end) for first, end in blocks])
            pictures = torch.from_numpy(material.images[frames])
            if mirrored[copy]:
                pictures = pictures.flip(-2)
            lengths = [end - first for first, end in blocks]
            for (first, _), block in zip(blocks, torch.split(pictures, lengths), strict=True):
                augmenter.apply(block[None], f"feature-augment-{copy}", first, always=True)
            noisy[copy, frames] = encoder(pictures[None])[0]
            progress(len(frames))
    return Features(clean, noisy, mirrored)


def _together(spans: Sequence[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """The spans cut into blocks [first, end), and as many blocks at a time as make at most `_TOGETHER` frames."""
    blocks = [(at, min(at + _BLOCK, end)) for first, end in spans for at in range(first, end, _BLOCK)]
    gathered: list[tuple[int, int]] = []
    for block in blocks:
        if sum(end - first for first, end in [*gathered, block]) > _TOGETHER:
            yield gathered
            gathered = []
        gathered.append(block)
    if gathered:
        yield gathered


def save_features(path: Path, features: Features) -> None:
    """Keep the features for a training that is interrupted."""
    save_state(path, {"clean": features.clean, "noisy": features.noisy, "mirrored": features.mirrored})


def load_features(path: Path) -> Features:
    """Read what :func:`save_features` wrote; raises `BrokenTrainingState`."""
    return Features(**load_state(path))


def normalise_input_map(network: PilotNetwork, features: Tensor, material: Material) -> None:
    """Set a liquid controller's input map so that every feature has mean 0.5 and deviation 0.5 over training frames.

    That is where the synapses' sigmoids (mu 0.3 to 0.8, sigma 3 to 8 at the start) tell values apart. Coded
    measurements keep their map. Other controllers have no such map and need none.
    """
    if not isinstance(network.controller, LTC) or network.controller.input_b is None:
        return
    known = torch.from_numpy(np.concatenate([np.arange(first, end) for first, end in material.training]))
    seen = features[known].double()
    mean, deviation = seen.mean(0), seen.std(0)
    gain = 0.5 / deviation.clamp_min(float(deviation.max()) * _SMALLEST_DEVIATION + 1e-12)
    gains = torch.ones(network.controller.input_size)
    offsets = torch.zeros(network.controller.input_size)
    gains[: len(gain)] = gain.float()
    offsets[: len(gain)] = (0.5 - gain * mean).float()
    network.controller.set_input_map(gains, offsets)
