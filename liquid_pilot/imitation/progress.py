"""What a training tells while it runs, and how long it will still take."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from liquid_pilot.imitation.validation import Validation


@dataclass(frozen=True)
class Progress:
    """One report.

    phase: ``frames`` (decoding), ``1-perception``, ``2-liquid/features``, ``3-joint``, ``driving`` (closed-loop
    check)...; done, total: frames or steps of that phase; frames_per_second: of the phase so far; seconds_left: of all
    stages (the closed-loop check not included), None until it can be told; loss: mean training loss since the report
    before; validation: where one was just made; notes: what the user must see, e.g. a plateau.
    """

    phase: str
    done: int
    total: int
    frames_per_second: float = 0.0
    seconds_left: float | None = None
    loss: float | None = None
    validation: Validation | None = None
    notes: tuple[str, ...] = ()


Report = Callable[[Progress], None]


class Clock:
    """Time left, from the work done: phases are weighed in units of one frame through the head, there and back."""

    def __init__(self, work: dict[str, float], now: Callable[[], float] = time.perf_counter) -> None:
        self.work = work
        self._now = now
        self._done = dict.fromkeys(work, 0.0)
        self._skipped = 0.0
        self._began: float | None = None
        self._phase = ""
        self._phase_began = 0.0
        self._phase_first = 0.0

    def skip(self, phase: str, share: float = 1.0) -> None:
        """Count a share of a phase as done earlier: a resumed training must not look faster than it is."""
        self._skipped += (share - self._done[phase]) * self.work[phase]
        self._done[phase] = share

    def at(self, phase: str, share: float) -> float | None:
        """Note that ``share`` of a phase is done; seconds left of all phases, or None in the first moments."""
        if self._began is None:
            self._began = self._now()
        self._done[phase] = share
        spent = self._now() - self._began
        finished = sum(self.work[name] * done for name, done in self._done.items()) - self._skipped
        left = sum(self.work[name] * (1.0 - done) for name, done in self._done.items())
        return None if spent < 1.0 or finished <= 0.0 else spent * left / finished
