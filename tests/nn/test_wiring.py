"""Wirings: immutable values, equal to those of ncps for the same seeds; the paper's network by its numbers."""

import dataclasses
import json
import xml.etree.ElementTree as ElementTree
from typing import Any

import ncps.wirings
import numpy as np
import pytest

from liquid_pilot.nn import (
    Synapse,
    Wiring,
    auto_ncp,
    fully_connected,
    ncp,
    ncp19,
    ncp2020,
    random_wiring,
)
from liquid_pilot.nn.errors import BadWiring

SEEDS = (0, 1, 7, 22222, 22223, 20190120)


def assert_same(ours: Wiring, theirs: Any, inputs: int) -> None:
    theirs.build(inputs)
    sensory, recurrent = ours.matrices()
    assert np.array_equal(sensory, theirs.sensory_adjacency_matrix)
    assert np.array_equal(recurrent, theirs.adjacency_matrix)
    assert (ours.units, ours.output_size) == (theirs.units, theirs.output_dim)
    assert ours.synapse_count == theirs.synapse_count + theirs.sensory_synapse_count
    assert list(ours.roles) == [theirs.get_type_of_neuron(neuron) for neuron in range(theirs.units)]


@pytest.mark.parametrize("seed", SEEDS)
def test_every_wiring_equals_ncps(seed: int) -> None:
    assert_same(ncp19(36, seed=seed), ncps.wirings.NCP(12, 5, 2, 6, 4, 6, 4, seed=seed), 36)
    assert_same(ncp19(40, 4, seed=seed), ncps.wirings.NCP(10, 5, 4, 6, 4, 6, 4, seed=seed), 40)
    assert_same(auto_ncp(20, 28, 4, seed=seed), ncps.wirings.AutoNCP(28, 4, seed=seed), 20)
    assert_same(auto_ncp(5, 9, 1, sparsity=0.9, seed=seed), ncps.wirings.AutoNCP(9, 1, 0.9, seed=seed), 5)
    assert_same(fully_connected(5, 9, 2, seed=seed), ncps.wirings.FullyConnected(9, 2, seed), 5)
    assert_same(
        fully_connected(5, 9, seed=seed, self_connections=False),
        ncps.wirings.FullyConnected(9, None, seed, self_connections=False),
        5,
    )
    assert_same(random_wiring(5, 9, 2, sparsity=0.6, seed=seed), ncps.wirings.Random(9, 2, 0.6, random_seed=seed), 5)


@pytest.mark.parametrize("seed", SEEDS)
def test_neurons_left_out_are_connected_as_in_ncps(seed: int) -> None:
    # Fan-outs of 1 leave neurons out in every layer, so that the repairs are drawn too.
    ours = ncp(3, 12, 5, 2, sensory_fanout=1, inter_fanout=1, recurrent=3, motor_fanin=1, seed=seed)
    assert_same(ours, ncps.wirings.NCP(12, 5, 2, 1, 1, 3, 1, seed=seed), 3)
    ours = ncp(9, 4, 6, 2, sensory_fanout=1, inter_fanout=1, recurrent=0, motor_fanin=2, seed=seed)
    assert_same(ours, ncps.wirings.NCP(4, 6, 2, 1, 1, 0, 2, seed=seed), 9)


@pytest.mark.parametrize("algorithm", ["paper", "ncps"])
def test_published_network_has_252_synapses_and_1065_parameters(algorithm: Any) -> None:
    wiring = ncp2020(algorithm=algorithm)
    layers = {
        (source, target): sum(
            wiring.roles[s.source] == source and wiring.roles[s.target] == target for s in wiring.recurrent
        )
        for source in ("inter", "command", "motor")
        for target in ("inter", "command", "motor")
    }
    assert {key: count for key, count in layers.items() if count} == {
        ("inter", "command"): 48,
        ("command", "command"): 6,
        ("command", "motor"): 6,
    }
    assert len(wiring.sensory) == 192
    assert wiring.synapse_count == 252
    assert wiring.parameter_count == 1065
    if algorithm == "paper":
        assert sum(synapse.source == synapse.target for synapse in wiring.recurrent) == 2


def test_the_papers_algorithm_excites_more() -> None:
    share = [
        np.mean([s.polarity > 0 for seed in range(20) for s in ncp2020(seed=seed, algorithm=algorithm).sensory])
        for algorithm in ("paper", "ncps")
    ]
    assert share == pytest.approx([0.7, 0.5], abs=0.03)  # 3,840 draws: a deviation of 0.008


@pytest.mark.parametrize("algorithm", ["paper", "ncps"])
def test_no_neuron_is_left_out(algorithm: Any) -> None:
    for seed in range(10):
        wiring = ncp(
            4, 12, 6, 3, sensory_fanout=1, inter_fanout=1, recurrent=0, motor_fanin=1, seed=seed, algorithm=algorithm
        )
        heard = {synapse.target for synapse in wiring.sensory + wiring.recurrent}
        speaking = {synapse.source for synapse in wiring.recurrent}
        assert heard == set(range(wiring.units))
        assert speaking == set(wiring.neurons("inter") + wiring.neurons("command"))


def test_building_twice_gives_an_equal_frozen_value() -> None:
    first, second = ncp19(36), ncp19(36)
    assert first == second
    assert hash(first) == hash(second)
    assert first.digest == second.digest != ncp19(36, seed=1).digest
    assert len({first, second, ncp19(36, seed=1)}) == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        first.units = 3  # type: ignore[misc]
    first.recurrent_edges.source[:] = 0  # a copy: the wiring itself cannot be reached through it
    assert first == second


def test_digest_is_the_same_everywhere() -> None:
    assert ncp2020().digest == "1eef8351ea2717675df373ba5aa30fd75addaf10c62b02d6df726fb59aba42e3"


def test_edges_are_sorted_by_target() -> None:
    edges = ncp19(36).recurrent_edges
    order = np.lexsort((edges.source, edges.target))
    assert np.array_equal(order, np.arange(len(edges.source)))


def test_dictionary_round_trip_through_json() -> None:
    for wiring in (ncp19(36), fully_connected(3, 4, 2), random_wiring(6, 5, 1, sparsity=0.9)):
        assert Wiring.from_dict(json.loads(json.dumps(wiring.to_dict()))) == wiring
    assert Wiring.from_matrices(*ncp19(36).matrices(), 2, ncp19(36).roles) == ncp19(36)


@pytest.mark.parametrize(
    ("key", "value"),
    [("sensory", ["x+"]), ("sensory", ["99+"]), ("roles", ["boss"]), ("output_size", None), ("recurrent", 3)],
)
def test_broken_dictionaries_are_named(key: str, value: Any) -> None:
    with pytest.raises(BadWiring):
        Wiring.from_dict(ncp19(36).to_dict() | {key: value})


def test_impossible_wirings_are_named() -> None:
    good = {"sensory_fanout": 2, "inter_fanout": 2, "recurrent": 2, "motor_fanin": 2}
    for key in ("sensory_fanout", "inter_fanout", "motor_fanin"):
        with pytest.raises(BadWiring, match=key):
            ncp(4, 5, 5, 1, **(good | {key: 6}))  # type: ignore[arg-type]
    with pytest.raises(BadWiring, match="algorithm"):
        ncp(4, 5, 5, 1, **good, algorithm="mine")  # type: ignore[arg-type]
    with pytest.raises(BadWiring, match="sparsity"):
        random_wiring(3, 3, sparsity=1.0)
    with pytest.raises(BadWiring, match="sparsity"):
        auto_ncp(3, 9, 2, sparsity=0.0)
    with pytest.raises(BadWiring, match="outputs"):
        auto_ncp(3, 9, 7)
    with pytest.raises(BadWiring, match="motor neurons"):
        ncp19(36, 9)
    with pytest.raises(BadWiring, match="sensory synapse 5 -> 0"):
        Wiring(2, 1, 1, (Synapse(5, 0, 1),), (), ("motor",))
    with pytest.raises(BadWiring, match="only once"):
        Wiring(2, 1, 1, (Synapse(0, 0, 1), Synapse(0, 0, -1)), (), ("motor",))


def test_svg_draws_every_synapse_and_neuron() -> None:
    wiring = ncp19(36)
    root = ElementTree.fromstring(wiring.to_svg([f"<{n}>" for n in range(36)], ["steering", "acceleration"]))
    space = "{http://www.w3.org/2000/svg}"
    curves = [path for path in root.iter(f"{space}path") if path.get("stroke-opacity")]
    circles = list(root.iter(f"{space}circle"))
    assert len(curves) == wiring.synapse_count
    assert len(circles) == 36 + 19
    assert len({(circle.get("cx"), circle.get("cy")) for circle in circles}) == 36 + 19
    _, _, width, height = (float(part) for part in root.attrib["viewBox"].split())
    assert all(0 < float(c.attrib["cx"]) < width and 0 < float(c.attrib["cy"]) < height for c in circles)
    texts = {text.text for text in root.iter(f"{space}text")}
    assert {"steering", "acceleration", "<35>", "277 synapses"} <= texts
    with pytest.raises(BadWiring, match="names"):
        wiring.to_svg(["one"])
