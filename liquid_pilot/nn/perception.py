"""What the controller sees through: the paper's convolutional head (Lechner et al. 2020, Methods and its code)."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from liquid_pilot.nn.controller import uniform, without_init
from liquid_pilot.nn.errors import BadConfig, BadInput
from liquid_pilot.randomness import generator

LAYERS = ((24, 5, 2), (36, 5, 2), (48, 3, 2), (64, 3, 1), (8, 3, 1))
"""(channels, kernel, stride) of the five convolutions, each with ReLU."""
FEATURES_PER_CHANNEL = 4
BIAS = 0.01


class ConvHead(nn.Module):
    """Five convolutions; then each of the eight last maps has its own Dense(4): 32 features, 79,420 parameters.

    Images are standardised one by one (mean 0, deviation 1 over all their values, as TensorFlow's
    ``per_image_standardization``), in float32 whatever the convolutions run in: brightness and contrast drop out.
    Padding is symmetric (TensorFlow's "same" puts an odd pixel at the far edge); the sizes are the paper's.

    Memory is channels_last throughout: uint8 images (N, H, W, 3) are read as they lie, without a copy.

    Args:
        height, width: of the images in pixels; 78 and 200 in the paper.
        seed: of the initial values: He normal weights, biases 0.01. No global random state is used.
    """

    output_size = LAYERS[-1][0] * FEATURES_PER_CHANNEL
    """Features per image: 32."""

    def __init__(self, height: int = 78, width: int = 200, *, seed: int = 0) -> None:
        super().__init__()
        if min(height, width) < 8:
            raise BadConfig(f"images of {height} x {width} pixels are too small for the head: give at least 8 x 8")
        self.height, self.width = height, width
        self.convolutions = nn.ModuleList()
        channels, rows, columns = 3, height, width
        for number, (filters, kernel, stride) in enumerate(LAYERS):
            layer: nn.Conv2d = without_init(nn.Conv2d, channels, filters, kernel, stride, padding=kernel // 2)
            deviation = math.sqrt(2.0 / (channels * kernel * kernel))
            values = generator(seed, f"nn-init/head/conv{number}").normal(0.0, deviation, tuple(layer.weight.shape))
            weight = torch.from_numpy(values.astype(np.float32)).contiguous(memory_format=torch.channels_last)
            layer.weight = nn.Parameter(weight)
            layer.bias = nn.Parameter(torch.full((filters,), BIAS))
            self.convolutions.append(layer)
            channels, rows, columns = filters, math.ceil(rows / stride), math.ceil(columns / stride)
        self.map_size = (rows, columns)
        """Rows and columns of the last maps: 10 and 25."""
        bound = math.sqrt(6.0 / (rows * columns + FEATURES_PER_CHANNEL))  # Glorot, as the paper's dense layers
        shape = (channels, rows * columns, FEATURES_PER_CHANNEL)
        self.weight = nn.Parameter(uniform(seed, "head/dense")(-bound, bound, shape))
        self.bias = nn.Parameter(torch.full((channels, FEATURES_PER_CHANNEL), BIAS))

    def forward(self, images: Tensor) -> Tensor:
        """Features (N, 32), float32 (or the parameters' wider type), of images (N, H, W, 3) or (N, 3, H, W).

        Images may be uint8 (0 to 255) or floating point (any scale: they are standardised). Raises `BadInput`.
        """
        x = self.standardise(images)
        for layer in self.convolutions:
            x = F.relu(layer(x))
        # All eight dense layers as one batched product (8, N, 250) x (8, 250, 4).
        maps = x.flatten(2).transpose(0, 1)
        features = torch.baddbmm(self.bias.unsqueeze(1).to(maps.dtype), maps, self.weight.to(maps.dtype))
        return F.relu(features).transpose(0, 1).flatten(1).to(self.weight.dtype)

    def standardise(self, images: Tensor) -> Tensor:
        """The images as (N, 3, H, W), channels_last, with mean 0 and deviation 1 each."""
        layout = tuple(images.shape[1:])
        if images.dim() == 4 and layout == (self.height, self.width, 3):
            images = images.permute(0, 3, 1, 2)
        elif images.dim() != 4 or layout != (3, self.height, self.width):
            raise BadInput(
                f"images have shape {tuple(images.shape)}; this network reads (N, {self.height}, {self.width}, 3) "
                f"or (N, 3, {self.height}, {self.width})"
            )
        x = images.to(self.weight.dtype, memory_format=torch.channels_last).permute(0, 2, 3, 1)
        values = x.flatten(1)
        # Layer norm is this very formula in one pass (ten times faster than var_mean). Its epsilon keeps a picture of
        # one colour at 0, where TensorFlow divides by at least 1 / sqrt(values); anywhere else both agree to 1e-8.
        standard = F.layer_norm(values, values.shape[1:], eps=1.0 / values.shape[1])
        return standard.view(x.shape).permute(0, 3, 1, 2)
