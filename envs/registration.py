"""Gymnasium's plugin entry point: makes ``gymnasium.make("liquid_pilot/...")`` work without importing anything of ours."""

from __future__ import annotations


def register() -> None:
    """Register every environment of liquid-pilot; called by Gymnasium itself at ``import gymnasium``.

    The entry points are strings, so that nothing heavy is imported before an environment is really made.
    """
    import gymnasium

    if "liquid_pilot/LaneKeeping-v0" not in gymnasium.registry:
        gymnasium.register(id="liquid_pilot/LaneKeeping-v0", entry_point="envs.driving.env:LaneKeepingEnv")
