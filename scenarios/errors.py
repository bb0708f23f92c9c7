"""What can be wrong with a scenario or its map, each with a message of one line that says where and what to do."""

from __future__ import annotations

from liquid_pilot.errors import LiquidPilotError


class ScenarioError(LiquidPilotError):
    """A scenario file or dict that is not valid: ``place: what``, where place is ``file:line`` when a file is known."""

    def __init__(self, place: str, what: str) -> None:
        self.place = place
        self.what = what
        super().__init__(f"{place}: {what}")

    def __reduce__(self) -> tuple[type[ScenarioError], tuple[str, str]]:
        # The default would call __init__ with the joined message, and worker processes send errors by pickle.
        return type(self), (self.place, self.what)


class UnknownScenario(LiquidPilotError):
    """A name that is neither in the catalogue nor a file; ``nearest`` holds the catalogue names that look like it."""

    def __init__(self, name: str, nearest: tuple[str, ...]) -> None:
        self.name = name
        self.nearest = nearest
        kind = "no such scenario file" if name.endswith((".yaml", ".yml")) else "unknown scenario"
        guess = f"did you mean {' or '.join(nearest)}? " if nearest else ""
        super().__init__(f"{kind}: {name!r}; {guess}`liquid-pilot scenarios` lists the names, or give a .yaml file")

    def __reduce__(self) -> tuple[type[UnknownScenario], tuple[str, tuple[str, ...]]]:
        return type(self), (self.name, self.nearest)


class MapError(LiquidPilotError):
    """A map that cannot be had: ``source`` names the file, shipped map or generator, ``what`` the trouble and cure."""

    def __init__(self, source: str, what: str) -> None:
        self.source = source
        self.what = what
        super().__init__(f"map {source}: {what}")

    def __reduce__(self) -> tuple[type[MapError], tuple[str, str]]:
        return type(self), (self.source, self.what)
