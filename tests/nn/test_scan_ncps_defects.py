"""The known defects of ncps 1.0.1, shown, and that this library does not have them (docs/liquid-network.md)."""

import json
import re
import runpy
from pathlib import Path
from typing import Any

import ncps.torch
import ncps.wirings
import numpy as np
import pytest
import torch
from torch import Tensor

from liquid_pilot.nn import LTC, Wiring, from_ncps, fully_connected, ncp19

UNITS, INPUTS, STEPS = 5, 3, 4
DOCS = Path(__file__).parents[2] / "docs" / "liquid-network.md"


def values(seed: int, *shape: int, low: float = -1.0, high: float = 1.0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).uniform(low, high, shape))


@pytest.fixture
def theirs() -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return ncps.torch.LTC(INPUTS, ncps.wirings.FullyConnected(UNITS, 2)).double()


def test_elapsed_times_of_a_batch(theirs: Any) -> None:
    features, elapsed = values(1, UNITS, STEPS, INPUTS), values(2, UNITS, STEPS, low=0.1, high=2.0)
    ours = from_ncps(theirs)
    with torch.no_grad():
        together, _ = ours(features, None, elapsed)
        one_by_one = torch.cat([ours(features[k : k + 1], None, elapsed[k : k + 1])[0] for k in range(UNITS)])
        assert torch.allclose(together, one_by_one, rtol=0, atol=1e-12)
        # As many samples as neurons: silently wrong. Any other number raises.
        assert (theirs(features, timespans=elapsed)[0] - together).abs().max() > 0.05
        with pytest.raises(RuntimeError, match="must match"):
            theirs(features[:3], timespans=elapsed[:3])


def test_no_time_at_all(theirs: Any) -> None:
    features, state = values(1, 1, 1, INPUTS), values(2, 1, UNITS)
    with torch.no_grad():
        assert theirs(features, state, torch.zeros(1, 1).double())[0].isnan().all()
        assert torch.equal(from_ncps(theirs)(features, state, torch.zeros(1, 1).double())[1], state)


def test_building_a_wiring_twice() -> None:
    wiring = ncps.wirings.NCP(12, 5, 2, 6, 4, 6, 4)
    wiring.build(32)
    once = int(wiring.synapse_count), int(wiring.sensory_synapse_count)
    wiring.build(32)
    assert (wiring.synapse_count, wiring.sensory_synapse_count) > once
    assert ncp19(32) == ncp19(32)
    first, second = (LTC(32, shared) for shared in [ncp19(32)] * 2)  # two layers may share one
    assert torch.equal(first.source, second.source)


def test_counting_sensory_synapses(theirs: Any) -> None:
    assert theirs.rnn_cell.sensory_synapse_count == UNITS * UNITS  # there are INPUTS * UNITS
    assert len(from_ncps(theirs).wiring.sensory) == INPUTS * UNITS


def test_storing_a_wiring() -> None:
    with pytest.raises(TypeError):
        ncps.wirings.NCP.from_config(ncps.wirings.NCP(12, 5, 2, 6, 4, 6, 4).get_config())
    assert Wiring.from_dict(json.loads(json.dumps(ncp19(32).to_dict()))) == ncp19(32)


def test_parameters_replaced_in_a_functional_call(theirs: Any) -> None:
    features = values(1, 2, STEPS, INPUTS)
    ours = from_ncps(theirs)
    with torch.no_grad():
        for layer, ignored in ((theirs, True), (ours, False)):
            zeros = {name: torch.zeros_like(value) for name, value in layer.named_parameters()}
            replaced, _ = torch.func.functional_call(layer, zeros, (features,))
            assert torch.equal(replaced, layer(features)[0]) is ignored


def test_parameters_of_synapses_that_do_not_exist() -> None:
    theirs = ncps.torch.LTC(32, ncps.wirings.NCP(12, 6, 1, 6, 4, 6, 6, seed=20190120))
    ours = from_ncps(theirs)
    counts = [sum(one.numel() for one in layer.parameters() if one.requires_grad) for layer in (theirs, ours)]
    assert counts == [3999, 4 * 252 + 3 * 19 + 2 * 32 + 2]


def test_the_papers_initialisation_is_to_be_had() -> None:
    state = values(1, 1, 19).float()

    def survives(layer: LTC) -> float:
        jacobian = torch.autograd.functional.jacobian(lambda x: layer(torch.zeros(1, 1, 32), x)[1], state)
        return float(torch.linalg.eigvals(jacobian[0, :, 0]).abs().max())

    assert survives(LTC(32, fully_connected(32, 19, 1), "paper")) < 0.05
    assert survives(LTC(32, fully_connected(32, 19, 1), "ncps")) > 0.05


def test_the_examples_of_the_documentation_run(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert len(blocks) >= 3
    script = tmp_path / "examples.py"
    script.write_text("\n".join(blocks))
    runpy.run_path(str(script))
