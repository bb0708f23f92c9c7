"""Which drives a network learns from and which it is judged on.

Neighbouring frames are nearly the same picture, so windows must never be dealt out one by one; and two drives on one
road show the same bends and trees, so whole roads are kept apart where there is more than one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from liquid_pilot.imitation.errors import TooFewDrives
from liquid_pilot.randomness import generator

_TOLERANCE = 1.5
"""A group of drives that would bring validation above this many times its share is passed over."""


@dataclass(frozen=True)
class Split:
    """Numbers of the drives to train on and to validate on; ``by`` says what was kept apart: roads or drives."""

    training: tuple[int, ...]
    validation: tuple[int, ...]
    by: str


def split_drives(roads: Sequence[str], frames: Sequence[int], share: float, seed: int) -> Split:
    """Keep about ``share`` of all frames for validation, whole roads (with one road only: whole drives).

    roads, frames: the road and the number of frames of each drive. Raises `TooFewDrives` with less than two drives.
    """
    if len(roads) < 2:
        raise TooFewDrives(
            f"{len(roads)} drive is not enough to train: at least one more must be kept for validation; record more"
        )
    by = "road" if len(set(roads)) > 1 else "drive"
    groups: dict[str, list[int]] = {}
    for number, road in enumerate(roads):
        groups.setdefault(road if by == "road" else str(number), []).append(number)
    names = sorted(groups)
    sizes = {name: sum(frames[drive] for drive in groups[name]) for name in names}
    order = [names[i] for i in generator(seed, "split").permutation(len(names))]
    wanted = share * sum(frames)
    kept: list[str] = []
    held = 0
    for name in order:
        if held < wanted and held + sizes[name] <= _TOLERANCE * wanted:
            kept.append(name)
            held += sizes[name]
    chosen = set(kept or [min(order, key=lambda name: sizes[name])])
    return Split(
        training=tuple(sorted(drive for name in names if name not in chosen for drive in groups[name])),
        validation=tuple(sorted(drive for name in chosen for drive in groups[name])),
        by=by,
    )
