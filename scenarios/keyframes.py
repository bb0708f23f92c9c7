"""Values that slide along an episode: keyframes by share of the route, metres or seconds.

Public benchmark routes key their weather by the percentage of the route (CARLA Leaderboard 2.0); seconds make it
independent of the driver's speed, metres of the route's length.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple, TypeVar

from pydantic import Field, model_validator

from scenarios.part import Part

AXES = ("route_percent", "route_m", "time_s")
"""What a keyframe may be placed by."""


class Keyframe(Part):
    """A place on the way: exactly one of the three below."""

    route_percent: float | None = Field(default=None, ge=0.0, le=100.0)
    """Percent of the route, from its beginning (0) to its end (100)."""
    route_m: float | None = Field(default=None, ge=0.0)
    """Metres along the route."""
    time_s: float | None = Field(default=None, ge=0.0)
    """Seconds since the episode began."""

    @model_validator(mode="after")
    def _one_axis(self) -> Keyframe:
        given = [axis for axis in AXES if getattr(self, axis) is not None]
        if len(given) != 1:
            raise ValueError(f"exactly one of {', '.join(AXES)} must be given, got {' and '.join(given) or 'none'}")
        return self

    @property
    def axis(self) -> str:
        """Which of the three is given."""
        return next(axis for axis in AXES if getattr(self, axis) is not None)

    @property
    def place(self) -> float:
        """Its value, in percent, metres or seconds."""
        return float(getattr(self, self.axis))


K = TypeVar("K", bound=Keyframe)


class Span(NamedTuple):
    """Between which two keyframes a moment lies, and how far from the one to the other (0..1)."""

    before: int
    after: int
    share: float


class WrongKeyframe(ValueError):
    """A keyframe that does not fit the one before it; ``inside`` is its place in the list, for the line number."""

    def __init__(self, index: int, what: str) -> None:
        self.inside = (index,)
        super().__init__(what)


def in_order(frames: tuple[K, ...]) -> tuple[K, ...]:
    """The keyframes as they are. Raises ValueError unless there are two, all by the same axis, strictly increasing."""
    if len(frames) < 2:
        raise ValueError(f"at least two keyframes are needed, got {len(frames)}")
    for index, (one, two) in enumerate(pairwise(frames), start=1):
        if one.axis != two.axis:
            raise WrongKeyframe(index, f"keyframes must all be placed by the same key, got {one.axis} and {two.axis}")
        if not one.place < two.place:
            what = f"keyframes out of order: {two.axis} {two.place:g} comes after {one.place:g}; they must increase"
            raise WrongKeyframe(index, what)
    return frames


def find_span(frames: Sequence[Keyframe], time_s: float, route_m: float, route_share: float) -> Span:
    """Where a moment lies; before the first keyframe and after the last one, the value stays what it is there.

    Args:
        frames: at least one keyframe, increasing, all by the same axis.
        time_s: seconds since the episode began.
        route_m: metres along the route.
        route_share: share of the route, 0..1.
    """
    axis = frames[0].axis
    here = {"time_s": time_s, "route_m": route_m, "route_percent": 100.0 * route_share}[axis]
    places = [frame.place for frame in frames]
    after = bisect_right(places, here)
    if after == 0:
        return Span(0, 0, 0.0)
    if after == len(places):
        return Span(after - 1, after - 1, 0.0)
    low, high = places[after - 1], places[after]
    return Span(after - 1, after, (here - low) / (high - low))
