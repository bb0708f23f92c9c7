"""The assembled network: images and measurements in, actions out."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from liquid_pilot.nn.config import PilotConfig
from liquid_pilot.nn.controller import Controller
from liquid_pilot.nn.controllers import build_controller
from liquid_pilot.nn.errors import BadInput
from liquid_pilot.nn.ltc import LTC
from liquid_pilot.nn.perception import ConvHead
from liquid_pilot.nn.wiring import Wiring

CODE_RANGE = (-1.0, 2.0)
"""Coded measurements are clipped to this: beyond it every synapse is saturated, and outliers stay harmless."""

Numbers = TypeVar("Numbers", Tensor, npt.NDArray[np.float32])


def coded(values: Numbers, centre: Numbers, scale: Numbers) -> Numbers:
    """Measured values as codes; the same to the last bit for tensors and arrays."""
    return ((values - centre) / scale).clip(*CODE_RANGE)


class PilotNetwork(nn.Module):
    """Perception head and controller, with everything between camera and actuators that is learned.

    `encode` and `control` are its two halves, so that a trainer can run the head on shuffled single frames and the
    controller on cached features. They speak in raw *outputs*, to be compared with `scale_actions` of the labels;
    `forward` speaks in *actions*. ``measured`` (B, T, K) are the configuration's measurements, in its order and in SI
    units; for a car K = 1, the speed.

    Args:
        config: everything that is chosen.
        wiring: replaces the wiring that the configuration would draw.
    """

    centre: Tensor
    scale: Tensor
    target_scale: Tensor

    def __init__(self, config: PilotConfig, wiring: Wiring | None = None) -> None:
        super().__init__()
        self.config = config
        self.head = ConvHead(config.image_height, config.image_width, seed=config.seed)
        features = self.head.output_size
        self.controller: Controller = build_controller(config, features + config.extra_inputs, wiring)
        if isinstance(self.controller, LTC):
            gain = torch.ones(self.controller.input_size)
            gain[:features] = config.feature_gain
            self.controller.set_input_map(gain)
        codes = [(row, *code) for row, one in enumerate(config.measurements) for code in one.ranges]
        self.code_rows = [row for row, _, _ in codes]
        """Which measurement each code is made of, (codes,)."""
        for name, values in (
            ("centre", [centre for _, centre, _ in codes]),
            ("scale", [scale for _, _, scale in codes]),
            ("target_scale", list(config.target_scale)),
        ):
            self.register_buffer(name, torch.tensor(values, dtype=torch.float32), persistent=False)

    def forward(
        self, images: Tensor, measured: Tensor, state: Tensor | None = None, elapsed: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Actions (B, T, A), not clipped, and the state (B, N) after the last step.

        images (B, T, H, W, 3) uint8, measured (B, T, K), elapsed (B, T) seconds. Raises `BadInput`, `BadElapsed`.
        """
        if images.dim() != 5:
            raise BadInput(f"images have shape {tuple(images.shape)}, not (B, T, height, width, 3)")
        features = self.encode(images.flatten(0, 1)).view(*images.shape[:2], -1)
        outputs, state = self.control(features, measured, state, elapsed)
        return self.actions(outputs), state

    def encode(self, images: Tensor) -> Tensor:
        """Features (N, 32) of single images, uint8 (N, H, W, 3) or floating point (N, 3, H, W)."""
        features: Tensor = self.head(images)
        return features

    def control(
        self, features: Tensor, measured: Tensor, state: Tensor | None = None, elapsed: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Raw outputs (B, T, A) and the state (B, N), from features (B, T, 32) and measured (B, T, K)."""
        outputs, state = self.controller(self.inputs(features, measured), state, elapsed)
        return outputs, state

    def inputs(self, features: Tensor, measured: Tensor) -> Tensor:
        """What the controller reads, (B, T, F): the features, then the coded measurements.

        A network without measurements ignores ``measured``.
        """
        if not self.config.measurements:
            return features
        if measured.shape != (*features.shape[:-1], len(self.config.measurements)):
            names = ", ".join(f"{one.observation}[{one.index}]" for one in self.config.measurements)
            raise BadInput(f"measured has shape {tuple(measured.shape)}; give one value a step for each of {names}")
        values = measured.to(features.dtype)
        # Expanding costs nothing where one measurement feeds all codes (the car); picking columns is for several.
        values = values if len(self.config.measurements) == 1 else values[..., self.code_rows]
        return torch.cat([features, coded(values, self.centre, self.scale)], -1)

    def actions(self, outputs: Tensor) -> Tensor:
        """Raw outputs as actions."""
        return outputs / self.target_scale

    def scale_actions(self, actions: Tensor) -> Tensor:
        """Labels as raw outputs: what the loss compares outputs with."""
        return actions * self.target_scale

    def initial_state(self, batch: int) -> Tensor:
        """The state (batch, N) of an episode that begins."""
        return self.controller.initial_state(batch)

    def freeze(self) -> None:
        """Prepare for inference one step at a time; see `Controller.freeze`."""
        self.controller.freeze()

    def constrain(self) -> None:
        """Bring parameters back into their legal ranges; call it after every optimiser step."""
        self.controller.constrain()

    @property
    def wiring(self) -> Wiring | None:
        """The wiring of a liquid controller, None for the others."""
        return self.controller.wiring if isinstance(self.controller, LTC) else None

    @property
    def parameter_counts(self) -> dict[str, int]:
        """Numbers that are learned, in ``head``, ``controller`` and ``total``."""
        head = sum(parameter.numel() for parameter in self.head.parameters())
        controller = sum(parameter.numel() for parameter in self.controller.parameters())
        return {"head": head, "controller": controller, "total": head + controller}
