"""Takes networks over from ncps: the wiring, the weights and the arithmetic of an ``ncps.torch`` LTC."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import torch
from torch import nn

from liquid_pilot.nn.errors import NotConvertible
from liquid_pilot.nn.ltc import LTC, Mapping
from liquid_pilot.nn.wiring import Role, Wiring


def from_ncps(module: nn.Module) -> LTC:
    """An `LTC` that computes what this ``ncps.torch.LTC`` or ``LTCCell`` (1.0.1) computes, elapsed times in seconds.

    Takes over type and place, but not ``return_sequences`` and ``batch_first``: ours is always (B, T, ...). Needs no
    ncps at run time: it only reads attributes. Raises `NotConvertible` for mixed memory or any other module.
    """
    if getattr(module, "use_mixed", False):
        raise NotConvertible("this ncps LTC has mixed_memory=True (an LSTM beside it): only plain LTCs are taken over")
    cell: Any = getattr(module, "rnn_cell", module)
    state = dict(cell.named_parameters())
    if not {"sensory_sparsity_mask", "sparsity_mask", "sensory_erev", "cm"} <= set(state):
        raise NotConvertible(f"{type(module).__name__} is not an ncps.torch LTC or LTCCell")
    wiring = _wiring(cell, state)
    dtype, device = state["w"].dtype, state["w"].device
    layer = LTC(
        wiring.input_size,
        wiring,
        "ncps",
        unfolds=cell._ode_unfolds,
        positivity="softplus" if cell._implicit_param_constraints else "clip",
        input_map=_mapping(cell._input_mapping),
        output_map=_mapping(cell._output_mapping),
        epsilon=cell._epsilon,
    ).to(dtype=dtype, device=device)
    with torch.no_grad():
        for prefix, source, target in (
            ("sensory_", layer.sensory_source, layer.sensory_target),
            ("", layer.source, layer.target),
        ):
            for name in ("w", "mu", "sigma", "erev"):
                getattr(layer, prefix + name).copy_(state[prefix + name][source, target])
        for name in ("gleak", "vleak", "cm", "input_w", "input_b", "output_w", "output_b"):
            if name in state:
                getattr(layer, name).copy_(state[name])
    return layer


def _wiring(cell: Any, state: dict[str, nn.Parameter]) -> Wiring:
    """The wiring that the weights were made for.

    Which synapses exist is read from the masks, not from the wiring object: handing that object to a second layer (or
    building it to draw it) adds synapses to it that the first layer does not have.
    """
    masks = [state[name].detach().cpu().numpy() != 0 for name in ("sensory_sparsity_mask", "sparsity_mask")]
    drawn = (cell._wiring.sensory_adjacency_matrix, cell._wiring.adjacency_matrix)
    learned = [state[name].detach().cpu().numpy() for name in ("sensory_erev", "erev")]
    matrices = []
    for mask, polarity, reversal in zip(masks, drawn, learned, strict=True):
        by_sign = np.where(reversal < 0, -1, 1)
        matrices.append(np.where(mask, np.where(polarity != 0, polarity, by_sign), 0))
    units = masks[1].shape[0]
    roles: list[Role] = [cell._wiring.get_type_of_neuron(neuron) for neuron in range(units)]
    return Wiring.from_matrices(matrices[0], matrices[1], cell._wiring.output_dim, roles)


def _mapping(name: str | None) -> Mapping:
    if name is None:
        return "none"
    if name not in get_args(Mapping):
        raise NotConvertible(f"unknown ncps mapping {name!r}")
    mapping: Mapping = name  # type: ignore[assignment]
    return mapping
