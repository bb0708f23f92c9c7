"""Small OpenDRIVE maps written by hand, and CARLA's towns where they are at hand."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from envs.road import RoadNetwork, parse_map

MAPS_VARIABLE = "LIQUID_PILOT_TOWN_MAPS"


def town_text(name: str) -> str:
    default = Path(__file__).parents[2].parent / "shared" / "maps"
    path = Path(os.environ.get(MAPS_VARIABLE, default)) / f"{name}.xodr"
    if not path.is_file():
        pytest.skip(f"no {path}: set {MAPS_VARIABLE} to a folder with CARLA's Town01.xodr to Town03.xodr")
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def town() -> Callable[[str], tuple[str, RoadNetwork]]:
    known: dict[str, tuple[str, RoadNetwork]] = {}

    def load(name: str) -> tuple[str, RoadNetwork]:
        if name not in known:
            text = town_text(name)
            known[name] = text, parse_map(text, name)
        return known[name]

    return load


class Xodr:
    """Writes OpenDRIVE text from short calls; whatever is not given is plain."""

    LANES = '<right><lane id="-1" type="driving"><width sOffset="0" a="3.5" b="0" c="0" d="0"/></lane></right>'
    CENTRE = '<center><lane id="0" type="none"/></center>'

    @staticmethod
    def geometry(s: float, x: float, y: float, hdg: float, length: float, shape: str = "<line/>") -> str:
        return f'<geometry s="{s!r}" x="{x!r}" y="{y!r}" hdg="{hdg!r}" length="{length!r}">{shape}</geometry>'

    @staticmethod
    def lane(
        number: int,
        width: str = 'a="3.5" b="0" c="0" d="0"',
        kind: str = "driving",
        before: int | None = None,
        after: int | None = None,
        more: str = "",
    ) -> str:
        links = "" if before is None else f'<predecessor id="{before}"/>'
        links += "" if after is None else f'<successor id="{after}"/>'
        inside = f'<link>{links}</link><width sOffset="0" {width}/>{more}'
        return f'<lane id="{number}" type="{kind}" level="false">{inside}</lane>'

    @classmethod
    def section(cls, s: float, *lanes: str, centre: str = CENTRE) -> str:
        left = "".join(lane for lane in lanes if 'id="-' not in lane[:12])
        right = "".join(lane for lane in lanes if 'id="-' in lane[:12])
        sides = (f"<left>{left}</left>" if left else "") + centre + (f"<right>{right}</right>" if right else "")
        return f'<laneSection s="{s!r}">{sides}</laneSection>'

    @classmethod
    def road(
        cls,
        identity: int | str,
        length: float,
        geometry: str | None = None,
        sections: str | None = None,
        link: str = "",
        junction: str = "-1",
        profile: str = "",
        offset: str = "",
        rule: str = "",
    ) -> str:
        geometry = cls.geometry(0.0, 0.0, 0.0, 0.0, length) if geometry is None else geometry
        sections = cls.section(0.0, cls.lane(-1)) if sections is None else sections
        return (
            f'<road name="" id="{identity}" length="{length!r}" junction="{junction}" {rule}><link>{link}</link>'
            f"<planView>{geometry}</planView>{profile}<lanes>{offset}{sections}</lanes></road>"
        )

    @staticmethod
    def map(*elements: str) -> str:
        return f'<?xml version="1.0"?><OpenDRIVE><header revMajor="1" revMinor="4"/>{"".join(elements)}</OpenDRIVE>'


@pytest.fixture(scope="session")
def xodr() -> type[Xodr]:
    return Xodr
