"""``python -m launch.ppo``: Stable-Baselines3's PPO in our environments, and the agent as a policy like any other.

The environments need nothing around them: this is `stable_baselines3.PPO` with its own settings but for the sizes. It
reads the ``state`` observation (no pictures), so an agent is a baseline that sees the truth, not a rival of a network
that sees a camera.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from launch.console import run_command_line, say
from launch.folder import named_write_errors, open_output
from launch.progress import Report, progress_bar
from launch.tasks import task_of
from launch.versions import versions
from liquid_pilot.files import whole_file, write_text

LAYERS = (64, 64)
"""Units of the hidden layers of actor and critic."""
STEPS = 300_000
WORLDS = 8
"""Environments side by side in one process."""
ROLLOUT = 512
"""Steps of each of them between two updates."""


def train_agent(scenario_name: str, out: Path, *, steps: int = STEPS, seed: int = 0) -> Path:
    """Train an agent; writes ``best/`` (a checkpoint), ``curves.csv`` and ``curves.png`` into ``out``.

    Args:
        scenario_name: as `scenarios.load` takes it.
        out: output folder, new or with this very training unfinished (which begins again).
        steps: control steps in all.
        seed: of everything random.

    Returns:
        The checkpoint's folder.

    Raises:
        UnknownScenario, ScenarioError, FolderInUse, OutputNotWritable.
    """
    import scenarios
    from policies.agent import save_agent

    scenario = scenarios.load(scenario_name)
    task = task_of(scenario)
    job = {"command": "ppo", "scenario": scenario.to_dict(), "steps": steps, "seed": seed, "versions": versions()}
    with open_output(out, job, owns=["best", "curves.csv", "curves.png"]) as folder, named_write_errors(out):
        began = time.monotonic()
        with progress_bar("learn", "steps") as progress:
            agent, rows = _learn(scenario, task, steps, seed, progress)
        _write_curves(out, rows)
        last = rows[-1]
        card = (
            f"# PPO in {scenario.name}\n\nStable-Baselines3's PPO, {steps:,} control steps of the state observation, "
            f"seed {seed}, {time.monotonic() - began:.0f} s. In its last {last[3]} episodes of training (with its "
            f"exploring actions) {last[2]:.0%} succeeded, mean return {last[1]:.1f}. It sees the truth, no picture.\n"
        )
        save_agent(out / "best", agent.policy, kind=task.kind, layers=LAYERS, card=card)
        if not folder.already_finished:
            folder.finish(steps=steps)
    return out / "best"


def _learn(scenario: Any, task: Any, steps: int, seed: int, progress: Report) -> tuple[Any, list[tuple[Any, ...]]]:
    import torch
    from stable_baselines3 import PPO
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.monitor import Monitor
    from stable_baselines3.common.vec_env import DummyVecEnv

    rows: list[tuple[Any, ...]] = []

    class Told(BaseCallback):
        """After every rollout: steps, and mean return and success of the last hundred episodes."""

        def _on_step(self) -> bool:
            return True

        def _on_rollout_end(self) -> None:
            ended = list(self.model.ep_info_buffer or [])
            if ended:
                returned = float(np.mean([episode["r"] for episode in ended]))
                succeeded = float(np.mean([episode["success"] for episode in ended]))
                rows.append((self.num_timesteps, returned, succeeded, len(ended)))
                progress(min(self.num_timesteps, steps), steps, f"return {returned:.1f}, success {succeeded:.0%}")

    # One thread: the networks are tiny, and PPO's batches are shared among threads at a loss.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    worlds = DummyVecEnv(
        [lambda: Monitor(task.make(scenario, pictures=False), info_keywords=("success",)) for _ in range(WORLDS)]
    )
    try:
        agent = PPO(
            "MultiInputPolicy",
            worlds,
            n_steps=ROLLOUT,
            batch_size=WORLDS * ROLLOUT // 8,
            policy_kwargs={"net_arch": list(LAYERS)},
            seed=seed,
            device="cpu",
        )
        agent.learn(steps, callback=Told())
    finally:
        worlds.close()
        torch.set_num_threads(threads)
    return agent, rows


def _write_curves(out: Path, rows: list[tuple[Any, ...]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("steps", "return", "success", "episodes"))
    writer.writerows(rows)
    write_text(out / "curves.csv", text.getvalue())
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 4.0), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, 1, sharex=True)
    steps = [row[0] for row in rows]
    upper.plot(steps, [row[1] for row in rows])
    upper.set_ylabel("return")
    lower.plot(steps, [100.0 * row[2] for row in rows])
    lower.set_ylabel("success, %")
    lower.set_ylim(0, 102)
    lower.set_xlabel("control steps")
    with whole_file(out / "curves.png") as path:
        canvas.print_figure(path, format="png")


def _main() -> int:
    parser = argparse.ArgumentParser(prog="python -m launch.ppo", description=__doc__.splitlines()[0])
    parser.add_argument("--scenario", default="fly-train-meadow", help="a name from the catalogue or a file")
    parser.add_argument("--out", type=Path, required=True, help="output folder")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    folder = train_agent(given.scenario, given.out, steps=given.steps, seed=given.seed)
    say(f"written: {folder}; judge it with: liquid-pilot evaluate {given.out} --scenario ...")
    return 0


if __name__ == "__main__":
    sys.exit(run_command_line(_main))
