"""Networks: wirings, liquid (LTC, CfC) and other controllers, perception, the assembled pilot, checkpoints.

Names are imported when they are first used, so that reading the table of controllers, or drawing a wiring, does not
load torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from liquid_pilot.nn.cfc import CfC
    from liquid_pilot.nn.checkpoint import load_checkpoint, save_checkpoint
    from liquid_pilot.nn.config import CONTROLLERS, Measurement, PilotConfig
    from liquid_pilot.nn.controller import Controller
    from liquid_pilot.nn.ltc import LTC, Readout
    from liquid_pilot.nn.ncps_import import from_ncps
    from liquid_pilot.nn.perception import ConvHead
    from liquid_pilot.nn.pilot import PilotNetwork
    from liquid_pilot.nn.wiring import Synapse, Wiring
    from liquid_pilot.nn.wirings import (
        auto_ncp,
        fully_connected,
        ncp,
        ncp19,
        ncp2020,
        random_wiring,
    )

__all__ = [
    "CONTROLLERS",
    "LTC",
    "CfC",
    "Controller",
    "ConvHead",
    "Measurement",
    "PilotConfig",
    "PilotNetwork",
    "Readout",
    "Synapse",
    "Wiring",
    "auto_ncp",
    "from_ncps",
    "fully_connected",
    "load_checkpoint",
    "ncp",
    "ncp19",
    "ncp2020",
    "random_wiring",
    "save_checkpoint",
]

_HOMES = {
    "cfc": ("CfC",),
    "checkpoint": ("load_checkpoint", "save_checkpoint"),
    "config": ("CONTROLLERS", "Measurement", "PilotConfig"),
    "controller": ("Controller",),
    "ltc": ("LTC", "Readout"),
    "ncps_import": ("from_ncps",),
    "perception": ("ConvHead",),
    "pilot": ("PilotNetwork",),
    "wiring": ("Synapse", "Wiring"),
    "wirings": ("auto_ncp", "fully_connected", "ncp", "ncp19", "ncp2020", "random_wiring"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
