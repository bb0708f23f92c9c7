"""Reading ``reset(options=...)``: what is the same for everything that drives or flies."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from envs.errors import BadResetOption


def refuse_unknown(given: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    """Raise BadResetOption for a key that is not known; ``where`` says in what it was found."""
    for key in given:
        if key not in known:
            raise BadResetOption(f"unknown key {key!r} in reset {where}; known: {', '.join(known)}")


def numbers(given: Any, known: tuple[str, ...], name: str) -> dict[str, float]:
    """The finite numbers of option ``name``, a dict with keys among ``known``; empty for None.

    Raises BadResetOption.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise BadResetOption(f"reset option {name!r} must be a dict with keys of {', '.join(known)}")
    refuse_unknown(given, known, f"options[{name!r}]")
    return {key: number(value, f"{name}.{key}") for key, value in given.items()}


def number(value: Any, key: str) -> float:
    """A finite number. Raises BadResetOption that names the key."""
    try:
        found = float(value)
    except (TypeError, ValueError) as error:
        raise BadResetOption(f"reset option {key} must be a number, got {value!r:.60}") from error
    if not math.isfinite(found):
        raise BadResetOption(f"reset option {key} must be finite, got {found}")
    return found


def duration(given: Mapping[str, Any]) -> float | None:
    """Option ``duration_s``: a time limit above 0 s that replaces the scenario's, or None. Raises BadResetOption."""
    value = given.get("duration_s")
    if value is None:
        return None
    seconds = number(value, "duration_s")
    if seconds <= 0.0:
        raise BadResetOption(f"reset option duration_s must be above 0, got {seconds:g}")
    return seconds
