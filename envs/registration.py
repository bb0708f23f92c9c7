"""Makes ``gymnasium.make("liquid_pilot/...")`` work without importing anything of ours.

Gymnasium called plugins (the entry point group ``gymnasium.envs``) until 0.29 and dropped them in 1.0. What is left is
Python's own door: our distribution installs ``liquid-pilot.pth``, whose one line Python runs at its start; it calls
`watch`, which waits for somebody to import gymnasium. That costs a start of Python about a millisecond and imports
nothing. Without the file (a checkout that is not installed) Gymnasium's ``module:id`` form works as well:
``gymnasium.make("envs.registration:liquid_pilot/LaneKeeping-v0")``.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # known to type checkers by its name; importing typing would slow every start of Python down
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec
    from types import ModuleType


def register() -> None:
    """Register every environment of liquid-pilot; calling it twice changes nothing.

    The entry points are strings, so that nothing heavy is imported before an environment is really made.
    """
    import gymnasium

    if "liquid_pilot/LaneKeeping-v0" not in gymnasium.registry:
        gymnasium.register(id="liquid_pilot/LaneKeeping-v0", entry_point="envs.driving.backends:make_lane_keeping")
    if "liquid_pilot/FlyToTarget-v0" not in gymnasium.registry:
        gymnasium.register(id="liquid_pilot/FlyToTarget-v0", entry_point="envs.drone.env:FlyToTargetEnv")


def watch() -> None:
    """Call `register` as soon as gymnasium is imported: now, if it is already."""
    if "gymnasium" in sys.modules:
        register()
    elif not any(isinstance(finder, _Watcher) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Watcher())


# Neither class derives from those of importlib.abc: importing that at every start of Python would take milliseconds.


class _Watcher:
    """Finds gymnasium as Python would, and has `register` called when its import is done."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        if fullname != "gymnasium":
            return None
        from importlib.machinery import PathFinder

        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _RegisteringLoader(spec.loader)  # type: ignore[assignment]
        return spec


class _RegisteringLoader:
    """A module's own loader, and `register` after it."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        # The module keeps no trace of us: resources, pickling and reloading see its own loader.
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        register()


if "gymnasium" in sys.modules:
    register()
