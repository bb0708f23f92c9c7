"""What the names of OpenDRIVE's road marks mean in paint."""

from __future__ import annotations

from envs.road.road import MarkLine

DASH_LENGTH = 3.0
"""Metres of paint of a broken line when the map does not say (ASAM leaves it to the application)."""
DASH_SPACE = 6.0
"""Metres between two dashes when the map does not say."""

_SOLID = (0.0, 0.0)
_BROKEN = (DASH_LENGTH, DASH_SPACE)
_DOTS = (0.1, 0.9)
_PATTERNS: dict[str, tuple[tuple[float, float], ...]] = {
    "solid": (_SOLID,),
    "edge": (_SOLID,),
    "custom": (_SOLID,),
    "broken": (_BROKEN,),
    "botts dots": (_DOTS,),
    "solid solid": (_SOLID, _SOLID),
    "solid broken": (_SOLID, _BROKEN),
    "broken solid": (_BROKEN, _SOLID),
    "broken broken": (_BROKEN, _BROKEN),
}


def mark_lines(kind: str, width: float, lane: int = 0) -> tuple[MarkLine, ...]:
    """The painted lines of a mark named ``kind`` with line ``width`` metres on the border of ``lane``.

    Double marks are named from the inside to the outside of the road, on the centre line (lane 0) from left to right
    (OpenDRIVE 1.6, 9.6); one line width is left free between them. none, curb, grass and unknown names paint nothing.
    """
    pattern = _PATTERNS.get(kind, ())
    if len(pattern) == 1:
        return (MarkLine(0.0, width, *pattern[0]),)
    # inside is right of a left lane's border and left of a right lane's
    first = width if lane <= 0 else -width
    return tuple(MarkLine(offset, width, *dash) for offset, dash in zip((first, -first), pattern, strict=False))
