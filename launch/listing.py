"""The commands that only look: scenarios, ``drives info`` and ``drives verify``."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import scenarios
from launch.progress import Report
from liquid_pilot.errors import LiquidPilotError
from scenarios.flight import FlightSplit
from scenarios.schema import Split

SPLITS: tuple[str, ...] = get_args(Split) + get_args(FlightSplit)
"""What scenarios are for; each is also a name for all scenarios in it."""


def expand_scenarios(names: list[str]) -> list[str]:
    """Replace the name of a split (``train``, ``validation``, ``heldout``) by the scenarios in it; keep the rest."""
    expanded: list[str] = []
    for name in names:
        if name in SPLITS:
            expanded += scenarios.catalogue(name)
        else:
            expanded.append(name)
    return expanded


def list_scenarios() -> Iterator[str]:
    """One line for each scenario of the catalogue: name and description, grouped by split."""
    names = scenarios.catalogue()
    width = max(len(name) for name in names)
    loaded = [scenarios.load(name) for name in names]
    for split in SPLITS:
        group = [s for s in loaded if s.split == split]
        if group:
            yield f"{split}:"
            for scenario in group:
                yield f"  {scenario.name:<{width}}  {scenario.description}"


def show_scenario(name: str) -> str:
    """One scenario as YAML with every default filled in."""
    return scenarios.load(name).to_yaml().rstrip()


def scenario_schema() -> str:
    """The JSON Schema of scenario files."""
    return json.dumps(scenarios.json_schema(), indent=2)


def verify_drives(path: Path, progress: Report) -> tuple[int, list[LiquidPilotError]]:
    """Check drives from the first byte to the last; gives how many are whole and what is wrong with the others."""
    from liquid_pilot.drives import find_drives, verify

    paths = find_drives(path) if path.is_dir() else [path]
    broken: list[LiquidPilotError] = []
    for number, drive in enumerate(paths, start=1):
        try:
            verify(drive)
        except LiquidPilotError as error:
            broken.append(error)
        progress(number, len(paths), f"{len(broken)} broken" if broken else "")
    return len(paths) - len(broken), broken


def describe_drives(path: Path) -> Iterator[str]:
    """What one drive holds, or a summary of a folder of them."""
    from liquid_pilot.drives import find_drives, read_info

    if not path.is_dir():
        info = read_info(path)
        yield f"{path.name}: {info.kind}, scenario {info.scenario_name}, seed {info.seed}, driven by {info.policy}"
        yield f"  {info.frames} frames at {info.control_hz:g} Hz, actions {', '.join(info.action_names)}"
        yield f"  ended: {info.end}{' (success)' if info.success else ''}"
        yield "  " + ", ".join(f"{name} {version}" for name, version in info.versions.items())
        return
    infos = [read_info(drive) for drive in find_drives(path)]
    frames = sum(info.frames for info in infos)
    seconds = sum(info.frames / info.control_hz for info in infos)
    yield f"{path}: {len(infos)} drives, {frames:,} frames, {seconds / 60:.1f} minutes"
    for what, counts in (
        ("scenarios", Counter(info.scenario_name for info in infos)),
        ("policies", Counter(info.policy for info in infos)),
        ("ended", Counter(info.end for info in infos)),
    ):
        yield f"  {what}: " + ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
