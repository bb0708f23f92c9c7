"""``make bench``: every benchmark, one after the other."""

from __future__ import annotations

import runpy
import sys

if __name__ == "__main__":
    for name in ("environment", "flight", "effects", "evaluation", "training", "ltc", "carla"):
        print(f"\n== {name} ==", flush=True)
        sys.argv = [f"benchmarks.{name}"]
        runpy.run_module(f"benchmarks.{name}", run_name="__main__")
