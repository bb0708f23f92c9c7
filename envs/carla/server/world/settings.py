"""How the world's time goes: CARLA's EpisodeSettings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from envs.carla.errors import BadValue
from envs.carla.server import limits
from envs.carla.server.protocol import values


@dataclass(frozen=True)
class Settings:
    """CARLA's 11 fields. What concerns large maps, ragdolls and culling is kept and has no effect."""

    synchronous: bool = False
    no_rendering: bool = False
    fixed_step: float | None = None
    """s; None: the time that has really passed."""
    substepping: bool = True
    substep_longest: float = 0.01
    substeps: int = 10
    culling: float = 0.0
    ragdolls: bool = True
    tile_distance: float = 3000.0
    active_distance: float = 2000.0
    spectator_as_ego: bool = True

    @classmethod
    def read(cls, value: Any) -> Settings:
        """From the wire; BadValue when the time cannot go like that."""
        fields = values.array(value, 11)
        step = values.optional(fields[2], values.number)
        if step is not None and step <= 0.0:
            step = None  # CARLA takes 0 for "not fixed"
        if step is not None and step > limits.STEP_LONGEST:
            raise BadValue(f"fixed_delta_seconds is {step:g} s; this server takes at most {limits.STEP_LONGEST:g} s")
        return cls(
            values.boolean(fields[0]), values.boolean(fields[1]), step, values.boolean(fields[3]),
            values.number(fields[4]), values.integer(fields[5]), values.number(fields[6]), values.boolean(fields[7]),
            values.number(fields[8]), values.number(fields[9]), values.boolean(fields[10]),
        )  # fmt: skip

    def wire(self) -> list[Any]:
        """As it travels."""
        step = [False] if self.fixed_step is None else [True, self.fixed_step]
        return [
            self.synchronous, self.no_rendering, step, self.substepping, self.substep_longest, self.substeps,
            self.culling, self.ragdolls, self.tile_distance, self.active_distance, self.spectator_as_ego,
        ]  # fmt: skip
