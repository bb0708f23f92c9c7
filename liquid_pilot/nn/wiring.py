"""Who talks to whom: a wiring is an immutable value, a list of synapses with their polarities.

A synapse that is not in the list does not exist: no layer holds a parameter for it. Neurons are numbered as in ncps:
motor neurons first (the outputs of a layer are simply the first states), then command neurons, then inter neurons.
How wirings are drawn is in `liquid_pilot.nn.wirings`.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from liquid_pilot.nn.errors import BadWiring

Role = Literal["motor", "command", "inter"]
ROLES: tuple[Role, ...] = ("motor", "command", "inter")


class Synapse(NamedTuple):
    """One connection. ``source`` is an input (sensory synapse) or a neuron; ``polarity`` is +1 (excites) or -1."""

    source: int
    target: int
    polarity: int


class Edges(NamedTuple):
    """Synapses as columns, sorted by target, then source: three int64 arrays of shape (synapses,)."""

    source: npt.NDArray[np.int64]
    target: npt.NDArray[np.int64]
    polarity: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Wiring:
    """An immutable, hashable wiring: two equal wirings have equal synapses, and building one twice gives equal ones.

    Raises `BadWiring` when a synapse names a neuron that does not exist, occurs twice or has no polarity.
    """

    input_size: int
    """Number of inputs (sensory neurons); they are not neurons of the layer and have no state."""
    units: int
    """Number of neurons: the size of the state."""
    output_size: int
    """Number of motor neurons, which are the first neurons."""
    sensory: tuple[Synapse, ...]
    """Synapses from inputs to neurons, sorted by target, then source (as the fused kernel reads them)."""
    recurrent: tuple[Synapse, ...]
    """Synapses from neurons to neurons, sorted likewise."""
    roles: tuple[Role, ...]
    """The role of each neuron, length ``units``."""

    def __post_init__(self) -> None:
        if min(self.input_size, self.units, self.output_size) < 1 or self.output_size > self.units:
            raise BadWiring(
                f"a wiring needs at least one input, one neuron and 1 to {self.units} outputs; got "
                f"{self.input_size} inputs, {self.units} neurons, {self.output_size} outputs"
            )
        if len(self.roles) != self.units or not set(self.roles) <= set(ROLES):
            raise BadWiring(f"a wiring needs one role out of {', '.join(ROLES)} for each of its {self.units} neurons")
        for name, synapses, sources in (
            ("sensory", self.sensory, self.input_size),
            ("recurrent", self.recurrent, self.units),
        ):
            keys = [(synapse.target, synapse.source) for synapse in synapses]
            if any(earlier >= later for earlier, later in itertools.pairwise(keys)):
                raise BadWiring(f"{name} synapses must be sorted by target, then source, and occur only once")
            for source, target, polarity in synapses:
                if not (0 <= source < sources and 0 <= target < self.units and polarity in (-1, 1)):
                    raise BadWiring(
                        f"{name} synapse {source} -> {target} ({polarity:+d}): sources are 0 to {sources - 1}, targets "
                        f"0 to {self.units - 1}, polarities -1 and +1"
                    )

    @classmethod
    def from_matrices(
        cls,
        sensory: npt.ArrayLike,
        recurrent: npt.ArrayLike,
        output_size: int,
        roles: Sequence[Role] | None = None,
    ) -> Wiring:
        """Build from adjacency matrices (source, target) holding -1, 0 (no synapse) and +1, as ncps keeps them.

        ``sensory`` is (inputs, units), ``recurrent`` (units, units); ``roles`` default to motor, then inter.
        """
        inward, inner = np.asarray(sensory), np.asarray(recurrent)
        if inward.ndim != 2 or inner.ndim != 2 or inner.shape != (inward.shape[1],) * 2:
            raise BadWiring(f"adjacency matrices of shapes {inward.shape} and {inner.shape} do not fit: (F, N), (N, N)")
        units = int(inner.shape[0])
        return cls(
            input_size=int(inward.shape[0]),
            units=units,
            output_size=output_size,
            sensory=_synapses(inward),
            recurrent=_synapses(inner),
            roles=tuple(roles) if roles is not None else two_roles(units, output_size),
        )

    @property
    def synapse_count(self) -> int:
        """All synapses, sensory ones included: 252 in the paper's network (its 253 counts the output weight too)."""
        return len(self.sensory) + len(self.recurrent)

    @property
    def parameter_count(self) -> int:
        """Parameters by the paper's count: 4 a synapse, 3 a neuron (1,065); input and output maps are not in it."""
        return 4 * self.synapse_count + 3 * self.units

    @property
    def sensory_edges(self) -> Edges:
        """The sensory synapses as columns."""
        return _columns(self.sensory)

    @property
    def recurrent_edges(self) -> Edges:
        """The recurrent synapses as columns."""
        return _columns(self.recurrent)

    def matrices(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Adjacency matrices (source, target) of polarities: sensory (inputs, units) and recurrent (units, units)."""
        sensory = np.zeros((self.input_size, self.units), np.int64)
        recurrent = np.zeros((self.units, self.units), np.int64)
        for matrix, edges in ((sensory, self.sensory_edges), (recurrent, self.recurrent_edges)):
            matrix[edges.source, edges.target] = edges.polarity
        return sensory, recurrent

    def neurons(self, role: Role) -> tuple[int, ...]:
        """The numbers of the neurons with this role."""
        return tuple(neuron for neuron, own in enumerate(self.roles) if own == role)

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the whole wiring: the same in every process and on every machine."""
        return hashlib.sha256(repr(self.to_dict()).encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready value, one short line of text per neuron; `from_dict` reads it back."""
        return {
            "input_size": self.input_size,
            "output_size": self.output_size,
            "roles": list(self.roles),
            "sensory": _lines(self.sensory, self.units),
            "recurrent": _lines(self.recurrent, self.units),
        }

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> Wiring:
        """Read what `to_dict` wrote; raises `BadWiring` when it is anything else."""
        try:
            roles = tuple(value["roles"])
            return cls(
                input_size=int(value["input_size"]),
                units=len(roles),
                output_size=int(value["output_size"]),
                sensory=_parse(value["sensory"]),
                recurrent=_parse(value["recurrent"]),
                roles=roles,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise BadWiring(f"this is not a stored wiring ({type(error).__name__}: {error})") from error

    def to_svg(self, input_names: Sequence[str] | None = None, output_names: Sequence[str] | None = None) -> str:
        """The wiring as a stand-alone SVG picture: inputs at the left, motor neurons at the right."""
        from liquid_pilot.nn.wiring_svg import draw  # late: only who draws needs it

        return draw(self, input_names, output_names)


def two_roles(units: int, output_size: int) -> tuple[Role, ...]:
    """Motor neurons, then inter neurons: the roles of a wiring without layers."""
    return tuple("motor" if neuron < output_size else "inter" for neuron in range(units))


def in_order(found: dict[tuple[int, int], int]) -> tuple[Synapse, ...]:
    """Synapses in the order of `Wiring`, from polarities by (source, target)."""
    every = (Synapse(source, target, polarity) for (source, target), polarity in found.items())
    return tuple(sorted(every, key=lambda synapse: (synapse.target, synapse.source)))


def _synapses(matrix: npt.NDArray[Any]) -> tuple[Synapse, ...]:
    return in_order({(int(s), int(t)): int(matrix[s, t]) for s, t in np.argwhere(matrix != 0)})


def _columns(synapses: Iterable[Synapse]) -> Edges:
    table = np.array(list(synapses), np.int64).reshape(-1, 3)
    return Edges(table[:, 0].copy(), table[:, 1].copy(), table[:, 2].copy())


def _lines(synapses: Iterable[Synapse], units: int) -> list[str]:
    """One line per target neuron: ``"3+ 7- 12+"`` means that 3 and 12 excite it and 7 inhibits it."""
    words: list[list[str]] = [[] for _ in range(units)]
    for source, target, polarity in synapses:
        words[target].append(f"{source}{'+' if polarity > 0 else '-'}")
    return [" ".join(line) for line in words]


def _parse(lines: Sequence[str]) -> tuple[Synapse, ...]:
    found: list[Synapse] = []
    for target, line in enumerate(lines):
        for word in line.split():
            match = re.fullmatch(r"(\d+)([+-])", word)
            if match is None:
                raise ValueError(f"{word!r} is not a synapse such as 3+ or 12-")
            found.append(Synapse(int(match[1]), target, 1 if match[2] == "+" else -1))
    return tuple(found)
