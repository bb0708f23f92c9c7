"""Ways to draw a wiring: neural circuit policies, fully connected, random, and the two named networks.

Sources: Lechner et al., "Neural circuit policies enabling auditable autonomy", Nature Machine Intelligence 2020
(algorithms 2 to 6), its published network code, and ncps 1.0.1, whose wirings are reproduced for the same seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from liquid_pilot.nn.errors import BadWiring
from liquid_pilot.nn.wiring import Role, Wiring, in_order, two_roles

Algorithm = Literal["ncps", "paper"]
PAPER_SEED = 20190120
"""The seed in the published code of the paper's network."""
NCPS_SEED = 22222
"""The seed that ncps takes when none is given."""


def ncp(
    input_size: int,
    inter: int,
    command: int,
    motor: int,
    *,
    sensory_fanout: int,
    inter_fanout: int,
    recurrent: int,
    motor_fanin: int,
    seed: int = NCPS_SEED,
    algorithm: Algorithm = "ncps",
) -> Wiring:
    """A neural circuit policy: inputs -> inter -> command (recurrent) -> motor neurons, drawn at random.

    Every input reaches ``sensory_fanout`` inter neurons, every inter neuron ``inter_fanout`` command neurons;
    ``recurrent`` command-to-command pairs are drawn with replacement (self loops allowed, repeats melt into one), and
    every motor neuron listens to ``motor_fanin`` command neurons. A neuron that would be left without a connection
    gets the mean number of them.

    ``algorithm="ncps"`` gives the synapses of ``ncps.wirings.NCP`` for the same seed (half of them excite);
    ``"paper"`` follows the published code of the paper (70 % excite).

    Raises `BadWiring` when a fan-out or fan-in is larger than the layer that it meets.
    """
    for name, value, limit, layer in (
        ("sensory_fanout", sensory_fanout, inter, "inter"),
        ("inter_fanout", inter_fanout, command, "command"),
        ("motor_fanin", motor_fanin, command, "command"),
    ):
        if not 1 <= value <= limit:
            raise BadWiring(f"{name} is {value}, but there are {limit} {layer} neurons: choose 1 to {limit}")
    if min(input_size, motor) < 1 or recurrent < 0:
        raise BadWiring(f"an NCP needs inputs and motor neurons; got {input_size} inputs, {motor} motor neurons")
    if algorithm not in ("ncps", "paper"):
        raise BadWiring(f"unknown wiring algorithm {algorithm!r}: choose ncps or paper")
    motors = range(motor)
    commands = range(motor, motor + command)
    roles: tuple[Role, ...] = tuple(
        "motor" if neuron in motors else "command" if neuron in commands else "inter"
        for neuron in range(motor + command + inter)
    )
    # RandomState, NumPy's frozen legacy stream: both originals draw from it, and it never changes again.
    draw = (_NcpsDraw if algorithm == "ncps" else _PaperDraw)(np.random.RandomState(seed))

    inters = range(motor + command, motor + command + inter)
    inputs = range(input_size)
    sensory: dict[tuple[int, int], int] = {}
    inner: dict[tuple[int, int], int] = {}

    # ncps clips with the number of COMMAND neurons in the second layer, where inter neurons are meant.
    inter_limit = command if algorithm == "ncps" else inter
    draw.fan_out(sensory, inputs, inters, sensory_fanout, clip=input_size)
    draw.fan_out(inner, inters, commands, inter_fanout, clip=inter_limit)
    draw.pairs(inner, commands, recurrent)
    draw.fan_in(inner, commands, motors, motor_fanin, clip=motor)

    return Wiring(input_size, motor + command + inter, motor, in_order(sensory), in_order(inner), roles)


def auto_ncp(
    input_size: int,
    units: int,
    output_size: int,
    *,
    sparsity: float = 0.5,
    seed: int = NCPS_SEED,
    algorithm: Algorithm = "ncps",
) -> Wiring:
    """An NCP from its number of neurons alone: 40 % of the non-motor neurons command (``ncps.wirings.AutoNCP``).

    ``sparsity`` is 0.1 (dense) to 1.0; ``output_size`` must be below ``units - 2``. Raises `BadWiring`.
    """
    if not 0 < output_size < units - 2:
        raise BadWiring(f"{units} neurons leave room for 1 to {units - 3} outputs, not {output_size}")
    if not 0.1 <= sparsity <= 1.0:
        raise BadWiring(f"sparsity is {sparsity}: choose 0.1 to 1.0")
    density = 1.0 - sparsity
    command = max(int(0.4 * (units - output_size)), 1)
    inter = units - output_size - command
    return ncp(
        input_size,
        inter,
        command,
        output_size,
        sensory_fanout=max(int(inter * density), 1),
        inter_fanout=max(int(command * density), 1),
        recurrent=max(int(command * density * 2), 1),
        motor_fanin=max(int(command * density), 1),
        seed=seed,
        algorithm=algorithm,
    )


def fully_connected(
    input_size: int, units: int, output_size: int | None = None, *, seed: int = 1111, self_connections: bool = True
) -> Wiring:
    """Every input to every neuron, every neuron to every neuron; 2/3 excite (``ncps.wirings.FullyConnected``)."""
    rng = np.random.default_rng(seed)
    outputs = units if output_size is None else output_size
    inner = {
        (source, target): int(rng.choice([-1, 1, 1]))
        for source in range(units)
        for target in range(units)
        if self_connections or source != target
    }
    sensory = {(s, t): int(rng.choice([-1, 1, 1])) for s in range(input_size) for t in range(units)}
    return Wiring(input_size, units, outputs, in_order(sensory), in_order(inner), two_roles(units, outputs))


def random_wiring(
    input_size: int, units: int, output_size: int | None = None, *, sparsity: float = 0.0, seed: int = 1111
) -> Wiring:
    """A share of ``1 - sparsity`` of all possible synapses, drawn at random (``ncps.wirings.Random``).

    ``sparsity`` is at least 0 and below 1. Raises `BadWiring`.
    """
    if not 0.0 <= sparsity < 1.0:
        raise BadWiring(f"sparsity is {sparsity}: choose at least 0 and less than 1")
    rng = np.random.default_rng(seed)
    outputs = units if output_size is None else output_size

    def some(sources: int, draws: int) -> dict[tuple[int, int], int]:
        every = [(source, target) for source in range(sources) for target in range(units)]
        chosen = rng.choice(every, size=int(np.round(sources * units * (1 - sparsity))), replace=False)
        found: dict[tuple[int, int], int] = {}
        for source, target in chosen:
            for _ in range(draws):
                found[int(source), int(target)] = int(rng.choice([-1, 1, 1]))
        return found

    inner = some(units, 1)
    # ncps draws the polarity of each sensory synapse twice and keeps the second; the same seed asks for the same slip.
    sensory = some(input_size, 2)
    return Wiring(input_size, units, outputs, in_order(sensory), in_order(inner), two_roles(units, outputs))


def ncp2020(input_size: int = 32, *, seed: int = PAPER_SEED, algorithm: Algorithm = "paper") -> Wiring:
    """The published network: 12 inter, 6 command, 1 motor neuron; 252 synapses with 32 inputs, 1,065 parameters."""
    return ncp(
        input_size,
        12,
        6,
        1,
        sensory_fanout=6,
        inter_fanout=4,
        recurrent=6,
        motor_fanin=6,
        seed=seed,
        algorithm=algorithm,
    )


def ncp19(input_size: int, motor: int = 2, *, seed: int = NCPS_SEED, algorithm: Algorithm = "ncps") -> Wiring:
    """Nineteen neurons for any task: 5 command neurons, ``motor`` motor neurons, the rest (car 12, drone 10) inter.

    Raises `BadWiring` for more than 8 motor neurons, which would leave fewer inter neurons than a fan-out of 6 needs.
    """
    if not 1 <= motor <= 8:
        raise BadWiring(f"19 neurons carry 1 to 8 motor neurons, not {motor}")
    return ncp(
        input_size,
        14 - motor,
        5,
        motor,
        sensory_fanout=6,
        inter_fanout=4,
        recurrent=6,
        motor_fanin=4,
        seed=seed,
        algorithm=algorithm,
    )


class _NcpsDraw:
    """Draws in the order of ncps 1.0.1, so that a seed gives the same synapses."""

    def __init__(self, rng: np.random.RandomState) -> None:
        self.rng = rng

    def choose(self, candidates: Sequence[int], count: int) -> list[int]:
        """``count`` distinct candidates."""
        return [int(one) for one in self.rng.choice(list(candidates), size=count, replace=False)]

    def one(self, candidates: Sequence[int]) -> int:
        return int(self.rng.choice(list(candidates)))

    def polarity(self) -> int:
        return int(self.rng.choice([-1, 1]))

    def fan_out(
        self, found: dict[tuple[int, int], int], sources: range, targets: range, fanout: int, clip: int
    ) -> None:
        """Each source to ``fanout`` targets, then sources for every target that was left out."""
        left_out = list(targets)
        for source in sources:
            for target in self.choose(targets, fanout):
                if target in left_out:
                    left_out.remove(target)
                found[source, target] = self.polarity()
        mean = self.at_least_one(len(sources) * fanout // len(targets), clip)
        for target in left_out:
            for source in self.choose(sources, mean):
                found[source, target] = self.polarity()

    def fan_in(self, found: dict[tuple[int, int], int], sources: range, targets: range, fanin: int, clip: int) -> None:
        """Each target from ``fanin`` sources, then targets for every source that was left out."""
        left_out = list(sources)
        for target in targets:
            for source in self.choose(sources, fanin):
                if source in left_out:
                    left_out.remove(source)
                found[source, target] = self.polarity()
        mean = self.at_least_one(len(targets) * fanin // len(sources), clip)
        for source in left_out:
            for target in self.choose(targets, mean):
                found[source, target] = self.polarity()

    def pairs(self, found: dict[tuple[int, int], int], neurons: range, count: int) -> None:
        """``count`` random pairs with replacement; a repeated pair is one synapse with the later polarity."""
        for _ in range(count):
            source = self.one(neurons)
            target = self.one(neurons)
            found[source, target] = self.polarity()

    @staticmethod
    def at_least_one(mean: int, most: int) -> int:
        # The published code connects a left-out command neuron to int(mean) motor neurons, which may be none;
        # the paper says that it is connected. ncps takes at least one, and so do both of ours.
        return min(max(mean, 1), most)


class _PaperDraw(_NcpsDraw):
    """Draws in the order of the paper's published code: a whole permutation for every choice, 70 % excite."""

    def choose(self, candidates: Sequence[int], count: int) -> list[int]:
        return [candidates[int(place)] for place in self.rng.permutation(len(candidates))[:count]]

    def one(self, candidates: Sequence[int]) -> int:
        return candidates[int(self.rng.randint(0, len(candidates)))]

    def polarity(self) -> int:
        return -1 if self.rng.rand() > 0.7 else 1
