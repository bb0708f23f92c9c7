"""The head with its channels in whole vectors: the same sums in another arrangement, a fifth faster.

ONNX Runtime keeps channels in blocks of one vector, 16 with AVX-512. The head's 24 and 36 channels fill one and a half
and two and a quarter: what is missing is computed as zeros, a third of all products. Here the channels that are left
over (8 and 4) are computed for 2 and 4 neighbouring places at once, as channels of a coarser map:

    part         channels   group        map of the part
    16 of 24     16         1 x 1        39 x 100
     8 of 24     16         1 x 2        39 x 50        channel e * 8 + i is channel i at column 2x + e
    32 of 36     32         1 x 1        20 x 50
     4 of 36     16         2 x 2        10 x 25

A convolution between such parts is a convolution again: its kernel reaches over all places of the group, mostly with
weights that one layer has, and with zeros where they do not meet. Every layer is the sum over its input's parts.
"""

from __future__ import annotations

import math
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from liquid_pilot.deploy.graph import Graph, convolutions, require_known, standardised
from liquid_pilot.nn.perception import ConvHead

Size = tuple[int, int]
"""Rows and columns."""


class Part(NamedTuple):
    """Some channels of a map, of several neighbouring places each."""

    first: int
    """The first channel..."""
    channels: int
    """...and how many."""
    group: Size
    """Places that one place of the part holds."""


class Kernel(NamedTuple):
    """A convolution from one part to another."""

    weight: npt.NDArray[np.float32]
    strides: Size
    begin: Size
    """Padding above and left."""


class _Axis(NamedTuple):
    """One axis of a `Kernel`; ``meets[a][t]`` is where tap t of output place a lies: (tap, input place)."""

    meets: list[list[tuple[int, int]]]
    stride: int
    begin: int
    taps: int


def vector() -> int:
    """Channels in a block of ONNX Runtime, on this machine."""
    return 8 if torch.backends.cpu.get_cpu_capability() == "AVX2" else 16


def blocked_head(graph: Graph, perception: ConvHead, images: str, width: int) -> str:
    """As `liquid_pilot.deploy.graph.head`, for blocks of ``width`` channels."""
    require_known(perception)
    layers = convolutions(perception)
    size = perception.height, perception.width
    values, parts = [standardised(graph, perception, images)], [Part(0, 3, (1, 1))]
    for number, layer in enumerate(layers):
        stride = int(layer.stride[0])
        smaller = math.ceil(size[0] / stride), math.ceil(size[1] / stride)
        following = int(layers[number + 1].stride[0]) if number + 1 < len(layers) else None
        made = divide(layer.out_channels, smaller, following, width)
        values = [
            graph.node("Relu", _layer(graph, layer, part, list(zip(values, parts, strict=True)), size, smaller))
            for part in made
        ]
        parts, size = made, smaller
    return _dense(graph, perception, list(zip(values, parts, strict=True)), size)


def divide(channels: int, size: Size, following: int | None, width: int) -> list[Part]:
    """Whole vectors of a map's channels, and what is left over in groups that fill one vector.

    Args:
        channels: of the map.
        size: of the map; a group must divide it, or its edge would hold places that are not there.
        following: the next layer's stride, which must be a multiple of the group; None after the last layer.
        width: channels in a vector.
    """
    over = channels % width
    places = width // over if over and width % over == 0 else 1
    groups: dict[int, list[Size]] = {2: [(1, 2), (2, 1)], 4: [(2, 2)]}
    for group in groups.get(places, []):
        if all(
            extent % side == 0 and (following or side) % side == 0 for extent, side in zip(size, group, strict=True)
        ):
            whole = [Part(0, channels - over, (1, 1))] if channels > over else []
            return [*whole, Part(channels - over, over, group)]
    return [Part(0, channels, (1, 1))]


def _layer(
    graph: Graph, layer: torch.nn.Conv2d, part: Part, inputs: list[tuple[str, Part]], size: Size, smaller: Size
) -> str:
    """One part of a layer's output, before its ReLU."""
    assert layer.bias is not None
    bias = layer.bias.detach().numpy()[part.first : part.first + part.channels]
    total: str | None = None
    for x, given in inputs:
        kernel = regrouped(layer, given, part)
        # As many groups as the output has, whatever the input has behind its last one.
        end = [
            (smaller[axis] // part.group[axis] - 1) * kernel.strides[axis]
            + kernel.weight.shape[2 + axis]
            - kernel.begin[axis]
            - size[axis] // given.group[axis]
            for axis in (0, 1)
        ]
        attributes: dict[str, Any] = {
            "kernel_shape": list(kernel.weight.shape[2:]),
            "strides": list(kernel.strides),
            "pads": [*kernel.begin, *end],
        }
        if total is None:
            total = graph.node("Conv", x, kernel.weight, np.tile(bias, math.prod(part.group)), **attributes)
        else:
            total = graph.node("Add", graph.node("Conv", x, kernel.weight, **attributes), total)
    assert total is not None
    return total


def regrouped(layer: torch.nn.Conv2d, given: Part, part: Part) -> Kernel:
    """The convolution from ``given``, a part of the layer's input, to ``part``, one of its output."""
    weight = layer.weight.detach().numpy()
    weight = weight[part.first : part.first + part.channels, given.first : given.first + given.channels]
    stride, padding = int(layer.stride[0]), int(layer.padding[0])
    rows, columns = (
        _axis(weight.shape[2 + axis], stride, padding, given.group[axis], part.group[axis]) for axis in (0, 1)
    )
    made = np.zeros((*part.group, part.channels, *given.group, given.channels, rows.taps, columns.taps), np.float32)
    for a, b in product(*map(range, part.group)):
        for y, x in product(*map(range, weight.shape[2:])):
            (tap_y, place_y), (tap_x, place_x) = rows.meets[a][y], columns.meets[b][x]
            made[a, b, :, place_y, place_x, :, tap_y, tap_x] = weight[:, :, y, x]
    shape = math.prod(part.group) * part.channels, math.prod(given.group) * given.channels, rows.taps, columns.taps
    return Kernel(made.reshape(shape), (rows.stride, columns.stride), (rows.begin, columns.begin))


def _axis(kernel: int, stride: int, padding: int, given: int, made: int) -> _Axis:
    # Output place a of a group reads the input at stride * a + t - padding from where the group begins.
    reads = [[stride * a + t - padding for t in range(kernel)] for a in range(made)]
    first = min(place // given for row in reads for place in row)
    last = max(place // given for row in reads for place in row)
    meets = [[(place // given - first, place % given) for place in row] for row in reads]
    return _Axis(meets, stride * made // given, -first, last - first + 1)


def _dense(graph: Graph, perception: ConvHead, maps: list[tuple[str, Part]], size: Size) -> str:
    """Features (B, 32) of the last maps as they lie: the eight dense layers as one.

    Seven eighths of its products are with zero, and that is still faster than bringing the maps into order first.
    """
    channels, _, features = perception.weight.shape
    weight = np.zeros((channels, *size, channels, features), np.float32)
    for channel, own in enumerate(perception.weight.detach().numpy()):
        weight[channel, :, :, channel] = own.reshape(*size, features)
    total: str | npt.NDArray[np.float32] = perception.bias.detach().numpy().reshape(-1)
    for x, part in maps:
        rows, columns = part.group
        own = weight[part.first : part.first + part.channels]
        own = own.reshape(part.channels, size[0] // rows, rows, size[1] // columns, columns, perception.output_size)
        own = own.transpose(2, 4, 0, 1, 3, 5).reshape(-1, perception.output_size)
        total = graph.node("Gemm", graph.node("Flatten", x), own, total)
    return graph.node("Relu", total)
