from __future__ import annotations

import threading

import pytest
import torch

from liquid_pilot.imitation import head
from liquid_pilot.imitation.head import Encoder
from liquid_pilot.nn import PilotNetwork
from liquid_pilot.nn.config import PilotConfig


@pytest.fixture
def network() -> PilotNetwork:
    return PilotNetwork(PilotConfig(image_height=16, image_width=32))


def pictures() -> torch.Tensor:
    return torch.randint(0, 256, (5, 9, 16, 32, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def gradients(network: PilotNetwork, encode) -> tuple[torch.Tensor, list[torch.Tensor]]:
    network.zero_grad()
    features = encode(pictures())
    (features * torch.linspace(-1.0, 1.0, features.numel()).view(features.shape)).sum().backward()
    return features.detach(), [parameter.grad.clone() for parameter in network.head.parameters()]


@pytest.mark.parametrize("threads", [1, 3])
def test_features_and_gradients_are_those_of_the_head(network: PilotNetwork, threads: int):
    plain, expected = gradients(network, lambda p: network.encode(p.flatten(0, 1)).unflatten(0, (5, 9)))
    found, got = gradients(network, Encoder(network, "float32", threads))
    torch.testing.assert_close(found, plain, rtol=1e-5, atol=1e-6)
    for one, two in zip(got, expected, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-5 * float(two.abs().max()))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_number_of_threads_changes_no_bit(network: PilotNetwork, precision):
    plain, expected = gradients(network, Encoder(network, precision, 1))
    for _ in range(3):
        found, got = gradients(network, Encoder(network, precision, 2))
        assert torch.equal(found, plain)
        assert all(torch.equal(one, two) for one, two in zip(got, expected, strict=True))


def test_portions_are_worked_on_at_the_same_time(network: PilotNetwork):
    together = threading.Barrier(2, timeout=20)  # breaks, and the test with it, unless two are inside at once

    def work(portion: torch.Tensor) -> int:
        together.wait()
        return len(portion)

    encoder = Encoder(network, "float32", 2)
    assert encoder.each(work, encoder.cut(torch.zeros(head.PORTION + 3, 1))) == [head.PORTION, 3]


def test_without_gradients_no_graph_is_kept(network: PilotNetwork):
    with torch.no_grad():
        features = Encoder(network, "float32", 2)(pictures())
    assert not features.requires_grad
    torch.testing.assert_close(features.flatten(0, 1), network.encode(pictures().flatten(0, 1)), rtol=1e-5, atol=1e-6)


def test_bfloat16_is_taken_only_where_the_processor_has_it(network: PilotNetwork, monkeypatch: pytest.MonkeyPatch):
    for flags, expected in (({"avx512_bf16": True}, True), ({"amx_bf16": True}, True), ({"avx2": True}, False)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda flags=flags: flags)
        assert Encoder(network, "auto").bfloat16 is expected
        assert Encoder(network, "bfloat16").bfloat16
        assert not Encoder(network, "float32").bfloat16
