"""What the stages learn from: the frames of the cache in the network's own units, cut into windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from liquid_pilot.drives import DriveInfo
from liquid_pilot.imitation.cache import Frames, road_of
from liquid_pilot.imitation.config import PerceptionStage, TrainConfig
from liquid_pilot.imitation.errors import DrivesDoNotFit, TooFewDrives
from liquid_pilot.imitation.sampler import Index, frame_interest
from liquid_pilot.imitation.split import Split, split_drives
from liquid_pilot.nn.config import PilotConfig

VALIDATION_WINDOW = 32
"""Most frames of a validation window: 1.6 s, long enough for the state to leave its start."""


@dataclass(frozen=True)
class Batch:
    """Windows of one step; (B, T) = windows and frames in each, (B, 1) for single frames.

    pictures: images (B, T, H, W, 3) uint8 or, where the head is not trained, features (B, T, F); measured: (B, T, K);
    elapsed: (B, T) s; labels: (B, T, A) in the network's output units; truth: (B, T, Q) standardised; counts: (B, T)
    1 where the error counts, 0 in the burn-in.
    """

    pictures: Tensor
    measured: Tensor
    elapsed: Tensor
    labels: Tensor
    truth: Tensor
    counts: Tensor


@dataclass(frozen=True)
class Material:
    """All frames as tensors (the pictures stay in the memory-mapped file) and which of them serve for what.

    Shapes: measured (N, K), elapsed (N,), labels (N, A), truth (N, Q), signs (A,): -1 for actions that change their
    sign in a mirror. training, validation: spans [first, end) of frames, one per drive.
    """

    images: NDArray[np.uint8]
    measured: Tensor
    elapsed: Tensor
    labels: Tensor
    truth: Tensor
    interest: NDArray[np.float64]
    signs: Tensor
    split: Split
    training: list[tuple[int, int]]
    validation: list[tuple[int, int]]

    @property
    def training_frames(self) -> int:
        """Number of frames to learn from."""
        return sum(end - first for first, end in self.training)

    def take(self, frames: Index, burn_in: int = 0, *, pictures: bool = True) -> Batch:
        """The windows whose frame numbers (B, T) are given; their pictures (if wanted) are copies, free to change."""
        flat = torch.from_numpy(frames)
        counts = torch.ones(frames.shape)
        if burn_in:
            starts = np.array([first for first, _ in self.training + self.validation])
            counts[torch.from_numpy(~np.isin(frames[:, 0], starts)), :burn_in] = 0.0
        return Batch(
            pictures=torch.from_numpy(self.images[frames]) if pictures else torch.empty(0),
            measured=self.measured[flat],
            elapsed=self.elapsed[flat],
            labels=self.labels[flat],
            truth=self.truth[flat],
            counts=counts,
        )

    def mirror(self, batch: Batch, chosen: NDArray[np.bool_], *, pictures: bool = True) -> Batch:
        """The batch with the chosen (B,) windows seen in a mirror: pictures flipped, labels and truth negated.

        Every privileged value is taken to be odd (cross-track error, heading error, curvature, yaw rate).
        """
        if not chosen.any():
            return batch
        windows = torch.from_numpy(chosen)
        if pictures:
            batch.pictures[windows] = batch.pictures[windows].flip(-2)
        side = torch.where(windows, -1.0, 1.0)[:, None, None]
        signs = torch.where(windows[:, None], self.signs, torch.ones_like(self.signs))[:, None]
        return replace(batch, labels=batch.labels * signs, truth=batch.truth * side)

    def validation_frames(self, window: int, limit: int) -> Index:
        """Frame numbers (W, T) to validate on, ``limit`` in all, evenly spread, no window over another.

        Single frames for a training ``window`` of 1; else windows as long as each drive has that holds one to learn
        from: by longer ones the expert's segments would have no say beside the longer drives of a network.
        """
        lengths = [end - first for first, end in self.validation]
        learned = [frames for frames in lengths if frames >= window] or [max(lengths)]
        length = 1 if window == 1 else min(VALIDATION_WINDOW, *learned)
        starts = [np.arange(first, end - length + 1, length) for first, end in self.validation]
        windows = np.concatenate(starts).astype(np.int64)
        wanted = max(1, min(len(windows), limit // length))
        chosen = windows[np.linspace(0, len(windows) - 1, wanted).round().astype(np.int64)]
        numbers: Index = chosen[:, None] + np.arange(length)
        return numbers


def prepare(frames: Frames, split: Split, config: TrainConfig) -> Material:
    """Choose columns and scale labels."""
    network = config.network
    training, validation = frames.spans(split.training), frames.spans(split.validation)
    action = frames.action[:, [frames.action_names.index(name) for name in network.actions]]
    recipes = [config.actions[name] for name in network.actions]
    known = np.concatenate([np.arange(first, end) for first, end in training])
    return Material(
        images=frames.images,
        measured=torch.from_numpy(frames.measured),
        elapsed=torch.from_numpy(frames.elapsed),
        labels=torch.from_numpy(action) * torch.tensor(network.target_scale),
        truth=torch.from_numpy(_standardised(frames.truth, known)),
        interest=frame_interest(action, np.array([one.typical for one in recipes], np.float32), config.interest),
        signs=torch.tensor([-1.0 if one.mirrored else 1.0 for one in recipes]),
        split=split,
        training=training,
        validation=validation,
    )


def split_for(infos: Sequence[DriveInfo], config: TrainConfig) -> Split:
    """Check that a recipe can be trained on these drives, before a frame of them is decoded, and split them.

    Raises `DrivesDoNotFit` where pictures or actions are not those of the network, `TooFewDrives` where nothing would
    be left for validation or no drive is as long as a window.
    """
    check_names(config)
    check_fit(infos[0], config.network)
    lengths = [info.frames for info in infos]
    split = split_drives([road_of(info) for info in infos], lengths, config.validation_share, config.seed)
    longest = max(lengths[drive] for drive in split.training)
    window = max(1 if isinstance(stage, PerceptionStage) else stage.window for stage in config.stages)
    if longest < window:
        raise TooFewDrives(
            f"the longest drive has {longest} frames but a training window has {window}: record longer drives or "
            "choose a shorter window"
        )
    return split


def check_names(config: TrainConfig) -> None:
    """Raise `DrivesDoNotFit` unless the recipe fits the actions and measurements of its network."""
    missing = [name for name in config.network.actions if name not in config.actions]
    if missing:
        raise DrivesDoNotFit(f"the recipe says nothing about {', '.join(missing)}: add it to TrainConfig.actions")
    offsets, measured = len(config.augmentation.measured_offset), len(config.network.measurements)
    if offsets not in (0, measured):
        raise DrivesDoNotFit(f"augmentation.measured_offset has {offsets} numbers for {measured} measurements")


def check_fit(drive: DriveInfo, network: PilotConfig) -> None:
    """Raise `DrivesDoNotFit` unless the drives hold what the network sees and does."""
    height, width = drive.image_size
    if (height, width) != (network.image_height, network.image_width):
        raise DrivesDoNotFit(
            f"the drives' pictures are {width} x {height} pixels but the network reads {network.image_width} x "
            f"{network.image_height}: record with that camera or set the network's image size"
        )
    missing = [name for name in network.actions if name not in drive.action_names]
    if missing:
        raise DrivesDoNotFit(
            f"the network shall learn {', '.join(missing)} but the drives hold {', '.join(drive.action_names)}: "
            "choose another controller or other drives"
        )


def _standardised(truth: NDArray[np.float32], known: Index) -> NDArray[np.float32]:
    """Truth (N, Q) with mean 0 and deviation 1 over the training frames; constant columns become 0."""
    if not truth.shape[1]:
        return truth
    mean, deviation = truth[known].mean(axis=0), truth[known].std(axis=0)
    scale = np.where(deviation > 1e-9, 1.0 / np.maximum(deviation, 1e-9), 0.0)
    values: NDArray[np.float32] = np.clip((truth - mean) * scale, -5.0, 5.0).astype(np.float32)
    return values
