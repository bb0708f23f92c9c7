"""``python -m scenarios.maps --write`` writes the shipped maps; with a seed and a style it writes one road of your own.

Examples::

    python -m scenarios.maps --write
    python -m scenarios.maps --seed 7 --style hairpins --length 1500 --out my-pass.xodr
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from liquid_pilot.errors import LiquidPilotError
from liquid_pilot.files import write_text
from scenarios.maps import FOLDER, STYLES, generate
from scenarios.maps.orders import ORDERS


def write_shipped(folder: Path = FOLDER) -> list[Path]:
    """Write every shipped map into ``folder``; returns the files."""
    files = []
    for name, order in ORDERS.items():
        files.append(folder / f"{name}.xodr")
        write_text(files[-1], generate(order.seed, order.style, order.length_m))
    return files


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m scenarios.maps", description="Write the shipped maps, or one generated OpenDRIVE road."
    )
    parser.add_argument("--write", action="store_true", help="write all shipped maps into scenarios/maps")
    parser.add_argument("--seed", type=int, help="which road")
    parser.add_argument("--style", choices=STYLES, default="mixed", help="what kind of road (mixed)")
    parser.add_argument("--length", type=float, default=2000.0, metavar="M", help="length in metres (2000)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to write it, e.g. my-road.xodr")
    given = parser.parse_args(arguments)
    try:
        if given.write:
            for path in write_shipped():
                sys.stdout.write(f"{path}\n")
        elif given.seed is not None and given.out is not None:
            write_text(given.out, generate(given.seed, given.style, given.length))
            sys.stdout.write(f"{given.out}: use it as `road: {{file: {given.out}}}` in a scenario\n")
        else:
            parser.error("give --write, or --seed and --out")
    except (LiquidPilotError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
