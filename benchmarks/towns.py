"""A policy on the curves of CARLA's towns, which no training ever saw.

::

    python -m benchmarks.towns ncp19-lane --maps FOLDER --out results/towns

The folder holds Town01.xodr, Town02.xodr, ... (they are not part of this repository). Every bend of a driving lane
outside junctions with a radius below ``--radius`` becomes one episode: 40 m of run-up, the bend, and what the same road
then gives, up to 60 m. Widths and radii are CARLA's own; many corners are tighter than anything in training.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import yaml

from envs.road import RouteError, find_curves, parse_map, plan_route, step_back
from launch.evaluate import evaluate

RUN_UP, RUN_OUT, LEAST = 40.0, 60.0, 40.0


def scenario_files(maps: Path, folder: Path, radius: float) -> Iterator[Path]:
    """Write one scenario per bend; bends whose lane ends too early to hold a route are left out."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(maps.glob("Town*.xodr")):
        network = parse_map(path.read_text(encoding="utf-8"), path.name)
        for number, curve in enumerate(find_curves(network, max_radius=radius)):
            start = step_back(network, curve.start, RUN_UP)
            # Only the road's own length counts: behind it a junction would decide the way.
            for length in (RUN_UP + curve.length + RUN_OUT, RUN_UP + curve.length):
                try:
                    route = plan_route(network, start, length)
                except RouteError:
                    continue
                if length >= LEAST and all(network.roads[road].junction is None for road, _, _ in route.lanes):
                    side = "left" if curve.left else "right"
                    values = {
                        "description": f"{path.stem}, road {curve.start.road}: {side}, radius {curve.radius:.0f} m",
                        "road": {"file": str(path.absolute())},
                        "route": {
                            "length_m": length,
                            "start": {"road": start.road, "lane": start.lane, "s": start.s},
                        },
                        "start": {"position": "begin", "lateral_m": 0.5, "heading_deg": 3.0},
                        "surroundings": {"theme": "town", "seed": 1},
                    }
                    target = folder / f"{path.stem}-{number:03d}-r{curve.radius:.0f}.yaml"
                    target.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
                    yield target
                    break


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("policy", nargs="+")
    parser.add_argument("--maps", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--radius", type=float, default=60.0)
    parser.add_argument("--episodes", type=int, default=1)
    given = parser.parse_args()
    files = [
        str(path)
        for path in scenario_files(given.maps, given.out.with_name(f"{given.out.name}-scenarios"), given.radius)
    ]
    print(f"{len(files)} bends")
    outcome = evaluate(given.policy, files, given.out, episodes=given.episodes, videos=False)
    print(*outcome.headlines, f"report: {outcome.report}", sep="\n")
