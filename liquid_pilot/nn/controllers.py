"""Builds the controller that a configuration names."""

from __future__ import annotations

from liquid_pilot.nn.baselines import CTRNN, GRU, LSTM, FeedForward
from liquid_pilot.nn.cfc import CfC
from liquid_pilot.nn.config import PilotConfig, require_controller
from liquid_pilot.nn.controller import Controller
from liquid_pilot.nn.errors import BadWiring
from liquid_pilot.nn.ltc import LTC
from liquid_pilot.nn.wiring import Wiring
from liquid_pilot.nn.wirings import NCPS_SEED, PAPER_SEED, fully_connected, ncp19, ncp2020

WIRED = ("ncp19", "ncp2020", "ltc")
"""The controllers made of liquid neurons on a wiring."""


def build_wiring(config: PilotConfig, input_size: int) -> Wiring | None:
    """The wiring of a liquid controller with this many inputs, None for the others."""
    seed, outputs = config.wiring_seed, len(config.actions)
    if config.controller == "ncp19":
        algorithm = config.wiring_algorithm or "ncps"
        return ncp19(input_size, outputs, seed=NCPS_SEED if seed is None else seed, algorithm=algorithm)
    if config.controller == "ncp2020":
        algorithm = config.wiring_algorithm or "paper"
        return ncp2020(input_size, seed=PAPER_SEED if seed is None else seed, algorithm=algorithm)
    if config.controller == "ltc":
        return fully_connected(input_size, config.units or 19, outputs, seed=1111 if seed is None else seed)
    return None


def build_controller(config: PilotConfig, input_size: int, wiring: Wiring | None = None) -> Controller:
    """The controller, freshly initialised from ``config.seed``, for ``input_size`` inputs.

    ``wiring`` replaces the one that the configuration would draw (a checkpoint brings the wiring it was trained on).
    Raises `UnknownController`, or `BadWiring` when the wiring does not fit the configuration.
    """
    require_controller(config.controller)
    outputs, name = len(config.actions), config.controller
    seed, nominal = config.seed, config.nominal_elapsed
    if name in WIRED:
        wiring = wiring or build_wiring(config, input_size)
        if wiring is None or (wiring.input_size, wiring.output_size) != (input_size, outputs):
            raise BadWiring(f"the wiring given for {name} does not have {input_size} inputs and {outputs} outputs")
        return LTC(
            input_size,
            wiring,
            config.init,
            seed=seed,
            unfolds=config.unfolds,
            positivity=config.positivity,
            nominal_elapsed=nominal,
        )
    if wiring is not None:
        raise BadWiring(f"{name} has no wiring, but one was given")
    if name == "cfc":
        return CfC(input_size, outputs, config.units or 19, seed=seed, nominal_elapsed=nominal)
    units = config.units or 64
    if name == "ctrnn":
        return CTRNN(input_size, outputs, units, unfolds=config.unfolds, seed=seed, nominal_elapsed=nominal)
    table: dict[str, type[LSTM] | type[GRU] | type[FeedForward]] = {"lstm": LSTM, "gru": GRU, "cnn": FeedForward}
    return table[name](input_size, outputs, units, seed=seed, nominal_elapsed=nominal)
