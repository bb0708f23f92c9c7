"""How the head is run while training: in bfloat16 where the processor can, in small portions where it cannot."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from liquid_pilot.nn import PilotNetwork

_PORTION = 64
"""Frames at a time in float32, whose activations leave the cache sooner: 476 -> 510 frames/s (bfloat16 gains none)."""


def bfloat16_pays() -> bool:
    """Whether this processor has instructions for bfloat16 (AVX-512 BF16 or AMX); without them it is slower."""
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


class Encoder:
    """Runs a network's head on windows of pictures in the chosen precision; weights and features stay float32."""

    def __init__(self, network: PilotNetwork, precision: Literal["auto", "bfloat16", "float32"]) -> None:
        self.network = network
        self.bfloat16 = precision == "bfloat16" or (precision == "auto" and bfloat16_pays())

    def __call__(self, pictures: Tensor) -> Tensor:
        """Features (B, T, F) of pictures (B, T, H, W, 3) uint8."""
        flat = pictures.flatten(0, 1)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            if self.bfloat16:
                features = self.network.encode(flat)
            else:
                portions = [flat[start : start + _PORTION] for start in range(0, len(flat), _PORTION)]
                features = torch.cat([self.network.encode(portion) for portion in portions])
        return features.float().view(*pictures.shape[:2], -1)
