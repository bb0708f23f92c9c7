"""A wiring as the scan reads it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from liquid_pilot.nn.wiring import Edges, Wiring

PAD = 16
"""The synapses of one target are padded to a multiple of this: a vector never holds two targets (LP_PAD)."""


class Plan:
    """First padded synapse and number of synapses of every target, and the source of every padded synapse.

    Immutable; copies of a layer share it.
    """

    def __init__(self, wiring: Wiring) -> None:
        self.wiring = wiring
        self._arrays = (*_rows(wiring.sensory_edges, wiring.units), *_rows(wiring.recurrent_edges, wiring.units))
        self.sensory, self.recurrent = len(self._arrays[2]), len(self._arrays[5])
        self.addresses = tuple(array.ctypes.data for array in self._arrays)
        self.sigmoids = len(wiring.sensory), len(wiring.recurrent)
        sensory, recurrent = self.sigmoids
        per_map = (wiring.input_size,) * 2 + (wiring.output_size,) * 2
        self.parameter_sizes = (recurrent,) * 4 + (sensory,) * 4 + (wiring.units,) * 3 + per_map
        """The length of every parameter, in the order of scan.h; the maps (the last four) may be absent."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Plan, (self.wiring,)

    def __deepcopy__(self, memo: dict[int, Any]) -> Plan:
        return self


def _rows(edges: Edges, units: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    count = np.bincount(edges.target, minlength=units).astype(np.int32)
    padded = (count + PAD - 1) // PAD * PAD
    start = (np.cumsum(padded) - padded).astype(np.int32)
    first = np.cumsum(count) - count
    source = np.zeros(int(padded.sum()), np.int32)
    source[start[edges.target] + np.arange(len(edges.target)) - first[edges.target]] = edges.source
    return start, count, source
