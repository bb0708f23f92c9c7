"""How the head is run while training: portions of a batch side by side, in bfloat16 where the processor can.

torch can share each single operation among threads, but then all threads wait for each other several hundred times a
step. That is fast on an idle machine, and a disaster as soon as anything else wants a core: 51 frames/s with two
threads against 496 with one, measured beside other work. Here every thread takes whole portions through the head and
back, and they meet once.

The portions are the same whatever the number of threads, and their gradients are added in one order, so the number of
threads changes nothing in the result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor

from liquid_pilot.nn import PilotNetwork

PORTION = 16
"""Frames in a portion: few enough that two threads are both busy with a batch of 32, and activations stay near."""

Input = TypeVar("Input")
Output = TypeVar("Output")


def bfloat16_pays() -> bool:
    """Whether this processor has instructions for bfloat16 (AVX-512 BF16 or AMX); without them it is slower."""
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


class Encoder:
    """Runs a network's head on windows of pictures; weights, features and gradients stay float32.

    Args:
        network: its head is used with the weights of the moment.
        precision: of the convolutions; ``auto`` takes bfloat16 where `bfloat16_pays`.
        threads: how many portions are worked on at a time. Each thread of ours takes one core if
            ``torch.set_num_threads(1)`` is set.
    """

    def __init__(
        self, network: PilotNetwork, precision: Literal["auto", "bfloat16", "float32"], threads: int = 1
    ) -> None:
        self.network = network
        self.bfloat16 = precision == "bfloat16" or (precision == "auto" and bfloat16_pays())
        self._pool = ThreadPoolExecutor(threads, "head", torch.set_num_threads, (1,)) if threads > 1 else None

    def __call__(self, pictures: Tensor) -> Tensor:
        """Features (B, T, F) of pictures (B, T, H, W, 3) uint8."""
        flat = pictures.flatten(0, 1)
        if torch.is_grad_enabled():
            features: Tensor = _Portions.apply(self, flat, *self.network.head.parameters())  # type: ignore[no-untyped-call]
        else:
            features = torch.cat(self.each(self.portion, self.cut(flat)))
        return features.view(*pictures.shape[:2], -1)

    def cut(self, frames: Tensor) -> list[Tensor]:
        """The portions of frames (N, ...)."""
        return [frames[start : start + PORTION] for start in range(0, len(frames), PORTION)]

    def each(self, work: Callable[[Input], Output], portions: Sequence[Input]) -> list[Output]:
        """The results of ``work`` for each portion, in their order."""
        if self._pool is None or len(portions) == 1:
            return [work(portion) for portion in portions]
        return list(self._pool.map(work, portions))

    def portion(self, frames: Tensor, *, learn: bool = False) -> Tensor:
        """Features (N, F) of one portion; grad mode and autocast are set here because they belong to a thread."""
        with torch.set_grad_enabled(learn), torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            return self.network.encode(frames).float()


class _Portions(torch.autograd.Function):
    """The head as one step of the graph, with a small graph of its own for each portion."""

    @staticmethod
    def forward(ctx: Any, encoder: Encoder, frames: Tensor, *parameters: Tensor) -> Tensor:
        ctx.encoder, ctx.parameters = encoder, parameters
        ctx.features = encoder.each(lambda portion: encoder.portion(portion, learn=True), encoder.cut(frames))
        return torch.cat([features.detach() for features in ctx.features])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        def back(pair: tuple[Tensor, Tensor]) -> tuple[Tensor, ...]:
            features, gradient = pair
            found: tuple[Tensor, ...] = torch.autograd.grad(features, ctx.parameters, gradient)
            return found

        parts = ctx.encoder.each(back, list(zip(ctx.features, ctx.encoder.cut(gradients[0]), strict=True)))
        ctx.features = None
        return None, None, *[torch.stack(part).sum(0) for part in zip(*parts, strict=True)]
