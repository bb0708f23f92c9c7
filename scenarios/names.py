"""Names that nobody knows, answered with the ones that somebody meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str], n: int = 1) -> list[str]:
    """At most n known names that look like this one, the best first; capitals, `-` and `_` make no difference."""
    plain: dict[str, list[str]] = {}
    for candidate in known:
        plain.setdefault(_plain(candidate), []).append(candidate)
    best = difflib.get_close_matches(_plain(name), list(plain), n=1, cutoff=0.5)
    # The best may be a poor guess, the others may not: `nigt` is `night`, and `WetNight` only by a stretch.
    others = difflib.get_close_matches(_plain(name), list(plain), n=n, cutoff=0.7)
    return [candidate for found in dict.fromkeys(best + others) for candidate in plain[found]][:n]


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """``unknown KIND 'nme'; did you mean 'name'?`` or, where nothing is near, all the known names; one line."""
    known = list(known)
    near = nearest(name, known, n=3)
    # A long text is most likely no name at all.
    end = f"did you mean {' or '.join(map(repr, near))}?" if near else f"known: {', '.join(known)}"
    return f"unknown {kind} {name!r:.60}; {end}"


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")
