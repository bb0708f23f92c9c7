"""Which versions made a result: written into every drive, checkpoint and results file."""

from __future__ import annotations

import platform
from importlib import metadata

from liquid_pilot import __version__

RECORDED = ("torch", "numpy", "panda3d", "opencv-python-headless", "gymnasium")
"""Packages whose version can change a picture or a number."""


def versions() -> dict[str, str]:
    """Name to version, our own first; ``effects`` is the number of the bits that weather and faults make."""
    from envs.effects.version import EFFECTS

    found = {"liquid-pilot": __version__, "effects": EFFECTS}
    found |= {"python": platform.python_version(), "machine": platform.machine()}
    return found | {name: metadata.version(name) for name in RECORDED}


def results_versions() -> dict[str, str]:
    """`versions`, and the ``engine`` that the heads of networks run on, whose sums end in other last bits."""
    from liquid_pilot.deploy.engine import chosen, version

    return versions() | {"engine": version(chosen())}
