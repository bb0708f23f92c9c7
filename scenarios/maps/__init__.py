"""Roads: the maps that we ship (``*.xodr`` beside this file) and the generator that wrote them."""

from __future__ import annotations

import difflib
from pathlib import Path

from scenarios.errors import MapError
from scenarios.maps.styles import STYLES, Style

__all__ = ["STYLES", "Style", "generate", "read", "shipped"]

FOLDER = Path(__file__).parent


def generate(seed: int, style: Style = "mixed", length_m: float = 2000.0) -> str:
    """OpenDRIVE 1.4 text of the road that belongs to (seed, style, length in metres); the same text everywhere.

    Raises MapError for an unknown style.
    """
    from scenarios.maps.generator import cached_road  # numpy is not needed to list maps

    if style not in STYLES:
        raise MapError(f"style {style!r}", f"unknown; styles are {', '.join(STYLES)}")
    return cached_road(seed, style, float(length_m))


def shipped() -> list[str]:
    """Sorted names of the maps that we ship."""
    return sorted(path.stem for path in FOLDER.glob("*.xodr"))


def read(name: str) -> str:
    """The OpenDRIVE text of a shipped map. Raises MapError with the nearest name."""
    names = shipped()
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
        guess = f"did you mean {near[0]!r}? " if near else ""
        raise MapError(repr(name), f"not among the shipped maps; {guess}they are {', '.join(names) or 'none'}")
    return (FOLDER / f"{name}.xodr").read_text(encoding="utf-8")
