"""The paper's head: its size, its arithmetic against a plain rewriting, its indifference to light."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from liquid_pilot.nn import ConvHead
from liquid_pilot.nn.errors import BadConfig, BadInput


def pictures(count: int, height: int = 78, width: int = 200) -> Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (count, height, width, 3), dtype=np.uint8))


def test_sizes_of_the_paper() -> None:
    head = ConvHead()
    assert sum(parameter.numel() for parameter in head.parameters()) == 79_420
    assert sum(parameter.numel() for parameter in head.convolutions.parameters()) == 71_388
    assert head.map_size == (10, 25)
    assert head.output_size == 32
    assert head(pictures(2)).shape == (2, 32)


def test_against_a_plain_rewriting_in_float64() -> None:
    head = ConvHead(seed=3)
    images = pictures(3)
    x = images.numpy().astype(np.float64)
    x = (x - x.mean((1, 2, 3), keepdims=True)) / x.std((1, 2, 3), keepdims=True)
    maps = torch.from_numpy(x.transpose(0, 3, 1, 2).copy())
    sizes = [(39, 100), (20, 50), (10, 25), (10, 25), (10, 25)]
    for layer, stride, padding, size in zip(head.convolutions, (2, 2, 2, 1, 1), (2, 2, 1, 1, 1), sizes, strict=True):
        maps = F.conv2d(maps, layer.weight.double(), layer.bias.double(), stride, padding).relu()
        assert maps.shape[2:] == size
    features = []
    for channel in range(8):  # each map through its own dense layer, one by one
        dense = torch.nn.Linear(250, 4).double()
        dense.weight.data = head.weight[channel].T.double()
        dense.bias.data = head.bias[channel].double()
        features.append(dense(maps[:, channel].reshape(3, 250)).relu())
    expected = torch.cat(features, 1)
    found = head(images)
    assert expected.abs().max() > 0.5
    assert (found - expected).abs().max() < 1e-4
    assert (head.double()(images) - expected).abs().max() < 1e-6  # layer norm's epsilon


def test_layouts_agree_and_bytes_are_read_as_they_lie() -> None:
    head = ConvHead()
    images = pictures(2)
    planar = images.permute(0, 3, 1, 2).contiguous()
    reference = head(images)
    for same in (planar, planar.float(), images.float(), images.double()):
        assert torch.allclose(head(same), reference, atol=1e-5)
    assert head.standardise(images).is_contiguous(memory_format=torch.channels_last)
    assert all(layer.weight.is_contiguous(memory_format=torch.channels_last) for layer in head.convolutions)


def test_brightness_and_contrast_drop_out() -> None:
    head = ConvHead()
    images = pictures(2).float()
    assert torch.allclose(head(images), head(0.3 * images + 40), atol=1e-4)


def test_a_picture_of_one_colour_is_no_accident() -> None:
    head = ConvHead()
    assert torch.equal(
        head.standardise(torch.full((1, 78, 200, 3), 200, dtype=torch.uint8)), torch.zeros(1, 3, 78, 200)
    )


def test_bfloat16_autocast_stays_near_and_returns_float32() -> None:
    head = ConvHead()
    images = pictures(4)
    with torch.autocast("cpu", torch.bfloat16):
        features = head(images)
    assert features.dtype == torch.float32
    assert (features - head(images)).abs().max() < 0.05 * features.abs().max()


def test_features_are_alive_at_the_start() -> None:
    for seed in range(3):
        features = ConvHead(seed=seed)(pictures(4))
        assert 0.1 < features.std().item() < 3
        assert (features > 0).any(0).float().mean() > 0.3


def test_other_sizes_and_wrong_ones() -> None:
    head = ConvHead(48, 64)
    assert head(pictures(2, 48, 64)).shape == (2, 32)
    for wrong in (pictures(2), pictures(2, 48, 64)[0], pictures(2, 48, 64)[..., :2]):
        with pytest.raises(BadInput, match=r"48, 64, 3"):
            head(wrong)
    with pytest.raises(BadConfig, match="too small"):
        ConvHead(4, 100)
