"""All that rebuilds a pilot network, as one frozen value; cheap to import (no torch)."""

from __future__ import annotations

import difflib
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from liquid_pilot.nn.errors import BadConfig, UnknownController

CONTROLLERS: dict[str, str] = {
    "ncp19": "19 liquid neurons wired as a neural circuit policy: 5 command neurons, one motor neuron per action",
    "ncp2020": "the published network: 12 inter, 6 command, 1 motor neuron; steering only, 252 synapses",
    "ltc": "19 liquid neurons, fully connected",
    "cfc": "19 closed-form continuous-time units",
    "lstm": "LSTM of 64 units",
    "gru": "GRU of 64 units",
    "ctrnn": "continuous-time RNN of 64 units",
    "cnn": "no memory: one hidden layer of 64 units on each frame alone",
}
"""Every controller that a pilot network can have, with one line about it."""

DRIVING_SPEEDS = ((3.0, 5.0), (7.0, 5.0), (11.0, 5.0), (15.0, 5.0))
"""Four staggered ranges (from, width) in m/s that together cover 3 to 20 m/s.

A liquid synapse tells inputs apart between about 0 and 1 (sigmoid of gain 3 to 8 around 0.3 to 0.8) and is blind
outside. One input for all speeds is hardly learned; several that each resolve a part of the range are.
"""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Measurement(_Frozen):
    """A measured number beside the image, coded as one input ``(value - centre) / scale`` per range."""

    observation: str = "speed"
    """The key in an environment's observation."""
    index: int = Field(default=0, ge=0)
    """Which element of that observation."""
    ranges: tuple[tuple[float, float], ...] = DRIVING_SPEEDS
    """(centre, scale) of each input; the input is clipped to [-1, 2]."""

    @model_validator(mode="after")
    def _scales_are_positive(self) -> Measurement:
        if not self.ranges or any(scale <= 0 for _, scale in self.ranges):
            raise ValueError("a measurement needs at least one (centre, scale) with a scale above 0")
        return self


class PilotConfig(_Frozen):
    """A pilot network: perception head, coded measurements, controller, outputs.

    Raises `BadConfig` through `PilotConfig.build` (plain construction raises pydantic's error instead).
    """

    controller: str = "ncp19"
    """A name out of `CONTROLLERS`."""
    image_height: int = Field(default=78, ge=8)
    image_width: int = Field(default=200, ge=8)
    measurements: tuple[Measurement, ...] = (Measurement(),)
    """What is fed in beside the image, in the order of the network's ``measured`` argument; ncp2020: nothing."""
    actions: tuple[str, ...] = ("steering", "acceleration")
    """The names of the outputs; ncp2020: steering only."""
    target_scale: tuple[float, ...] = (4.0, 2.0)
    """Outputs are trained on ``action * target_scale`` (actions are small: steering has a deviation of 0.1) and
    divided by it at run time."""
    feature_gain: float = Field(default=0.3, gt=0)
    """The weight at which a liquid controller's input map takes the image features at first."""
    init: Literal["paper", "ncps"] = "paper"
    """How liquid neurons start."""
    positivity: Literal["softplus", "clip"] = "softplus"
    """How conductances and capacitances of liquid neurons stay positive."""
    nominal_elapsed: float = Field(default=0.05, gt=0)
    """The usual time between two frames in seconds."""
    unfolds: int = Field(default=6, ge=1)
    """Solver steps per frame (liquid controllers and the CT-RNN)."""
    units: int | None = Field(default=None, ge=1)
    """Neurons of a controller without a fixed number: all but ncp19 and ncp2020; None takes the table's."""
    seed: int = Field(default=0, ge=0)
    """Of all initial weights."""
    wiring_seed: int | None = Field(default=None, ge=0, lt=2**32)
    """Of the wiring; None takes the one of the source that the wiring comes from."""
    wiring_algorithm: Literal["ncps", "paper"] | None = None
    """How an NCP is drawn; None: ncps for ncp19, paper for ncp2020."""

    @model_validator(mode="before")
    @classmethod
    def _published_network_steers_only(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("controller") == "ncp2020":
            return {"measurements": (), "actions": ("steering",), "target_scale": (4.0,)} | value
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> PilotConfig:
        require_controller(self.controller)
        if not self.actions or len(set(self.actions)) != len(self.actions):
            raise ValueError("actions needs at least one name, each once")
        if len(self.target_scale) != len(self.actions) or min(self.target_scale) <= 0:
            raise ValueError(f"target_scale needs one number above 0 for each of {', '.join(self.actions)}")
        if self.controller == "ncp2020" and len(self.actions) != 1:
            raise ValueError("ncp2020 has one motor neuron, for one action: take ncp19 for more")
        if self.controller == "ncp19" and len(self.actions) > 8:
            raise ValueError("ncp19 carries at most 8 actions")
        if self.units is not None and self.controller in ("ncp19", "ncp2020"):
            raise ValueError(f"{self.controller} has 19 neurons: leave units out")
        return self

    @classmethod
    def build(cls, value: dict[str, Any] | None = None, **changes: Any) -> PilotConfig:
        """The configuration from a mapping and keywords; raises `BadConfig` (one line, nearest key) for mistakes."""
        merged = {**(value or {}), **changes}
        try:
            return cls.model_validate(merged)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "network configuration"
            if first["type"] == "extra_forbidden":
                known = Measurement.model_fields if where.startswith("measurements") else cls.model_fields
                raise BadConfig(f"{where}: unknown key{nearest(str(first['loc'][-1]), list(known))}") from error
            raise BadConfig(f"{where}: {first['msg'].removeprefix('Value error, ')}") from error

    @property
    def extra_inputs(self) -> int:
        """How many inputs the measurements become."""
        return sum(len(measurement.ranges) for measurement in self.measurements)


def require_controller(name: str) -> None:
    """Raise `UnknownController`, with the nearest name, unless ``name`` is one of `CONTROLLERS`."""
    if name not in CONTROLLERS:
        raise UnknownController(
            f"unknown controller {name!r}{nearest(name, list(CONTROLLERS))}; there are {', '.join(CONTROLLERS)}"
        )


def nearest(name: str, known: list[str]) -> str:
    """``" (did you mean X?)"``, or nothing when no known name is near."""
    close = difflib.get_close_matches(name, known, 1, 0.5)
    return f" (did you mean {close[0]}?)" if close else ""
