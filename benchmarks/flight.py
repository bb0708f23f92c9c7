"""How fast the drone flies: control steps/s of processor time of one core, controller included, no pictures.

::

    python -m benchmarks.flight              # ten seconds

Per second of processor time, so that other work on the machine does not show. Nothing here fails; tests are elsewhere.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from typing import Any

GOAL = 5_000.0
"""Control steps/s asked for."""


def fly(flight: Any, wind: Any, steps: int, seed: int) -> float:
    """Control steps/s over ``steps`` steps of commands that keep changing."""
    from envs.render.pose import Pose

    flight.reset(Pose.from_angles(0.0, 0.0, 50.0), seed=seed, wind=wind)
    commands = [
        (math.sin(0.05 * i), 0.3 * math.cos(0.03 * i), 0.3 * math.sin(0.02 * i), math.sin(0.01 * i))
        for i in range(steps)
    ]
    began = time.process_time()
    for command in commands:
        flight.advance(command)
    return steps / (time.process_time() - began)


def plant(client: int, trees: int) -> None:
    """Stand trees on a grid, in compounds of 16."""
    import pybullet

    places = [[4.0 * (i % 12) - 22.0, 4.0 * (i // 12) - 22.0, 3.0] for i in range(trees)]
    for first in range(0, trees, 16):
        part = places[first : first + 16]
        shape = pybullet.createCollisionShapeArray(
            shapeTypes=[pybullet.GEOM_CYLINDER] * len(part),
            radii=[0.3] * len(part),
            lengths=[6.0] * len(part),
            collisionFramePositions=part,
            physicsClientId=client,
        )
        pybullet.createMultiBody(0.0, shape, physicsClientId=client)


def main() -> None:
    """Print steps/s of several worlds and their ratio to the goal."""
    from envs.drone.flight import Flight
    from envs.drone.wind import CALM, Wind

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=2000, help="control steps of a run (default 2000)")
    steps: int = parser.parse_args().steps
    for name, wind, trees in (("calm", CALM, 0), ("gusts", Wind(speed=4.0), 0), ("calm, 144 trees", CALM, 144)):
        with Flight() as flight:
            plant(flight.client, trees)
            rates = [fly(flight, wind, steps, seed) for seed in range(5)]
        rate = statistics.median(rates)
        spread = f"({min(rates):.0f} to {max(rates):.0f})"
        print(f"{name:16s} {rate:7.0f} control steps/s {spread}, {rate / GOAL:.2f} of the goal")


if __name__ == "__main__":
    main()
