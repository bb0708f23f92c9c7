"""Channels in whole vectors: another arrangement, the same features."""

import numpy as np
import pytest
import torch

from liquid_pilot.deploy.blocks import Part, blocked_head, divide
from liquid_pilot.deploy.engine import missing, open_session
from liquid_pilot.deploy.graph import Graph
from liquid_pilot.nn.perception import ConvHead

needs_extra = pytest.mark.skipif(missing() is not None, reason=str(missing()))


def test_what_is_left_over_fills_a_vector() -> None:
    assert divide(24, (39, 100), 2, 16) == [Part(0, 16, (1, 1)), Part(16, 8, (1, 2))]
    assert divide(36, (20, 50), 2, 16) == [Part(0, 32, (1, 1)), Part(32, 4, (2, 2))]
    assert divide(8, (10, 25), None, 16) == [Part(0, 8, (2, 1))]
    assert divide(36, (20, 50), 2, 8) == [Part(0, 32, (1, 1)), Part(32, 4, (1, 2))]
    for whole in (
        divide(48, (10, 25), 1, 16),  # three vectors
        divide(24, (39, 99), 2, 16),  # an odd number of columns, and of rows
        divide(36, (20, 50), 1, 16),  # the next layer's stride would fall between the groups
        divide(26, (20, 50), 2, 16),  # no group of places for ten channels
    ):
        assert len(whole) == 1
        assert whole[0].group == (1, 1)


@needs_extra
@pytest.mark.parametrize("width", [8, 16])
@pytest.mark.parametrize("size", [(78, 200), (26, 50), (32, 48), (31, 45), (8, 8)])
def test_the_same_features(size: tuple[int, int], width: int) -> None:
    perception = ConvHead(*size, seed=4)
    rng = np.random.default_rng(3)
    with torch.no_grad():
        for parameter in perception.parameters():  # biases too
            parameter += 0.05 * torch.from_numpy(rng.standard_normal(parameter.shape).astype(np.float32))
    graph = Graph()
    features = blocked_head(graph, perception, "image", width)
    model = graph.model({"image": (np.uint8, (2, *size, 3))}, {"features": (features, (2, 32))})
    images = rng.integers(0, 256, (2, *size, 3), dtype=np.uint8)
    found = open_session(model.SerializeToString(), 1).run(None, {"image": images})[0]
    with torch.no_grad():
        expected = perception.double()(torch.from_numpy(images)).numpy()
    assert np.abs(found - expected).max() < 1e-5 * max(1.0, np.abs(expected).max())
    assert np.ptp(expected) > 0.1
