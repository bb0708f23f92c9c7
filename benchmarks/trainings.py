"""A recipe of the zoo trained from several seeds, and every network judged as the shipped one is: does the recipe hold?

::

    python -m benchmarks.trainings ncp19-lane --seeds 2 3 4 5 --work runs/trainings --out results/trainings

Half an hour (lane) for each seed on two cores with bfloat16, more than an hour without. A second call goes on where the
first one stopped; nothing is shipped.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from launch.evaluate import evaluate
from launch.zoo import ENTRIES, FIRST_SEED

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("entry", choices=ENTRIES)
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    plan = ENTRIES[given.entry]
    for seed in given.seeds:
        best = plan.train(given.work / f"{plan.name}-{seed}", seed)
        outcome = evaluate(
            [str(best)],
            plan.heldout,
            given.out / f"{plan.name}-{seed}",
            episodes=plan.episodes,
            seed=FIRST_SEED,
            videos=False,
        )
        print(f"seed {seed}:", *outcome.headlines, f"report: {outcome.report}", sep="\n")
