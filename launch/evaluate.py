"""``liquid-pilot evaluate``: policies against scenarios on the same seeds, judged closed loop."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import policies
import scenarios
from launch.backend import EMBEDDED, Backend
from launch.cameras import warn_of_other_cameras
from launch.closed_loop import Assignment, Competitor, assignments, drive_all
from launch.conditions import conditions
from launch.errors import BadSelection
from launch.folder import OutputFolder, named_write_errors, open_output
from launch.listing import expand_scenarios
from launch.progress import Report, progress_bar
from launch.tasks import TASKS, Task, task_for, task_of
from launch.versions import results_versions
from launch.video import film_episode
from launch.workers import Send, Work, WorkerPool
from liquid_pilot.analysis.judging import JUDGING
from liquid_pilot.analysis.report import DrivenEpisode, Video, condition_table, headlines, write_report
from liquid_pilot.analysis.results import aggregate, write_results
from liquid_pilot.files import write_text
from scenarios.loader import AnyScenario

EPISODES, VIDEOS, CONFIG, RESULTS, REPORT = "episodes", "videos", "config.yaml", "results.json", "report.html"


@dataclass(frozen=True)
class Outcome:
    """What an evaluation found: the report's path, its headlines, and a table where there are several conditions."""

    report: Path
    headlines: tuple[str, ...]
    table: tuple[str, ...]
    episodes: tuple[DrivenEpisode, ...]


def evaluate(
    names: Sequence[str],
    scenario_names: Sequence[str] | None,
    out: Path,
    *,
    weathers: Sequence[str] = (),
    faults: Sequence[str] = (),
    episodes: int = 5,
    seed: int = 0,
    videos: bool = True,
    film_s: float | None = None,
    workers: int | None = None,
    title: str | None = None,
    backend: Backend = EMBEDDED,
) -> Outcome:
    """Drive, judge, film, and write ``config.yaml``, ``results.json``, ``videos/`` and ``report.html`` into ``out``.

    Args:
        names: policies as `policies.load` takes them.
        scenario_names: scenarios as `scenarios.load` takes them, or names of splits; None: those held out for what the
            policies do.
        out: output folder; the same command goes on in it where it stopped.
        weathers: names of weathers; none: the scenario's own.
        faults: ``none`` and ``NAME:SEVERITY,...``; nothing: the scenario's own. Each weather is driven with each fault.
        episodes: of each policy in each scenario, weather and fault.
        seed: of the first episode; the next ones count up, and are the same for every policy.
        videos: film the first episode of each scenario.
        film_s: at most so many seconds of each video; None films whole episodes.
        workers: processes; None takes one for every core.
        title: of the report.
        backend: where it is driven.

    Raises:
        UnknownPolicy, UnknownScenario, ScenarioError, FolderInUse, OutputNotWritable, ServerUnreachable, ...: before
            anything is driven.
        ServerLost: a CARLA server has ended; the same command goes on with the episodes that are missing.
    """
    found = _scenarios(scenario_names or [_heldout(names)])
    task = task_for([scenario for _, scenario in found])
    competitors = _competitors(names, task)
    warn_of_other_cameras(names, [scenario for _, scenario in found])
    under = conditions(weathers, faults)
    chosen = [(name, [condition.of(s) for condition in under]) for name, s in found]
    count = backend.workers(workers or os.cpu_count() or 1)
    job = _job(task, competitors, chosen, episodes, seed, videos, film_s)
    job |= {"weathers": list(weathers), "faults": list(faults)}
    # Not the address: a server that was started again elsewhere goes on.
    job["versions"] |= backend.identity(task)
    plan = assignments(competitors, chosen, episodes, seed)
    with open_output(out, job, owns=[EPISODES, VIDEOS, CONFIG, RESULTS, REPORT]) as folder, named_write_errors(out):
        write_text(out / CONFIG, yaml.safe_dump(job, sort_keys=False, allow_unicode=True))
        with progress_bar("evaluate", "episodes") as progress:
            driven = drive_all(plan, out / EPISODES, workers=count, progress=progress, backend=backend)
        films = _film(plan, out, film_s, count, backend) if videos else []
        return _write(folder, driven, films, job, title or task.title, backend)


def _write(
    folder: OutputFolder,
    driven: Sequence[DrivenEpisode],
    films: Sequence[Video],
    job: dict[str, Any],
    title: str,
    backend: Backend,
) -> Outcome:
    results = [episode.result for episode in driven]
    command = _command(job, folder.path, backend)
    write_results(folder.path / RESULTS, results, command=command, versions=job["versions"])
    report = folder.path / REPORT
    judging = JUDGING[driven[0].trace.kind]
    cards = {name: text for name, source in job["policies"].items() if (text := _card(source["source"], judging.kind))}
    write_report(report, driven, title=title, command=command, versions=job["versions"], videos=films, cards=cards)
    folder.finish(episodes=len(results))
    rows = aggregate(results)
    return Outcome(report, tuple(headlines(rows, judging)), tuple(condition_table(rows, judging)), tuple(driven))


def _heldout(names: Sequence[str]) -> str:
    """The split that decides about these policies; drives on roads where nothing else says what they are for."""
    kinds = [kind for kind in map(policies.kind_of, names) if kind is not None]
    return TASKS[kinds[0] if kinds else "driving"].heldout


def _competitors(names: Sequence[str], task: Task) -> list[Competitor]:
    if len(set(names)) != len(names):
        raise BadSelection(f"a policy is named twice: {', '.join(names)}; name each once")
    # Loading each once here finds a missing or broken checkpoint before any worker starts.
    return [Competitor(name, name) for name in names if policies.load(name, task.kind)]


def _scenarios(names: Sequence[str]) -> list[tuple[str, AnyScenario]]:
    loaded = [scenarios.load(name) for name in dict.fromkeys(expand_scenarios(list(names)))]
    chosen = {scenario.name: scenario for scenario in loaded}
    if len(chosen) != len(loaded):
        raise BadSelection("two scenarios have the same name: rename one of the files")
    for scenario in loaded:
        # A map that is missing or broken is found before any worker starts.
        task_of(scenario).world_digest(scenario, 0)
    return list(chosen.items())


def _job(
    task: Task,
    competitors: Sequence[Competitor],
    chosen: Sequence[tuple[str, Sequence[AnyScenario]]],
    episodes: int,
    seed: int,
    videos: bool,
    film_s: float | None,
) -> dict[str, Any]:
    """What decides the result, and so whether work in the folder may be continued; written as config.yaml too."""
    return {
        "command": "evaluate",
        "policies": {c.name: {"source": c.source, "weights": _weights_digest(c.source, task)} for c in competitors},
        "scenarios": {name: variants[0].to_dict() for name, variants in chosen},
        "episodes": episodes,
        "seed": seed,
        "videos": videos,
        "film_s": film_s,
        "versions": results_versions(),
    }


def _weights_digest(source: str, task: Task) -> str:
    """SHA-256 of a checkpoint's weights: a network that was trained again must not go on in its old results."""
    if source in policies.SCRIPTED[task.kind]:
        return source
    import hashlib

    return hashlib.sha256(
        (policies.find_checkpoint(source, task.kind) / "weights.safetensors").read_bytes()
    ).hexdigest()


def _card(source: str, kind: str) -> str | None:
    if source in policies.SCRIPTED[kind]:
        return None
    card = policies.find_checkpoint(source) / "card.md"
    return card.read_text(encoding="utf-8") if card.is_file() else None


def _command(job: dict[str, Any], out: Path, backend: Backend) -> str:
    words = ["liquid-pilot", "evaluate", *job["policies"], "--scenario", *job["scenarios"]]
    for option, values in (("--weather", job["weathers"]), ("--fault", job["faults"])):
        words += [option, *values] if values else []
    words += ["--episodes", str(job["episodes"]), "--seed", str(job["seed"]), *backend.words(), "--out", str(out)]
    return shlex.join(words)


def _film(plan: Sequence[Assignment], out: Path, film_s: float | None, workers: int, backend: Backend) -> list[Video]:
    """Film the first policy's first episode in each scenario, under the first and the last condition."""
    first: dict[tuple[str, str], Assignment] = {}
    for assignment in plan:
        first.setdefault((assignment.scenario_name, assignment.conditions), assignment)
    by_scenario: dict[str, list[Assignment]] = {}
    for (name, _), assignment in first.items():
        by_scenario.setdefault(name, []).append(assignment)
    chosen = list(dict.fromkeys(a for found in by_scenario.values() for a in (found[0], found[-1])))
    films = [(a, out / EPISODES / a.file_name, out / VIDEOS / f"{Path(a.file_name).stem}.mp4", film_s) for a in chosen]
    missing = [film for film in films if not film[2].exists()]
    with progress_bar("film", "videos") as progress:
        _film_missing(missing, len(films), workers, progress, backend)
    return [Video(path, f"{a}: {a.scenario.description}") for a, _, path, _ in films]


Film = tuple[Assignment, Path, Path, float | None]


def _film_missing(missing: Sequence[Film], total: int, workers: int, progress: Report, backend: Backend) -> None:
    done = total - len(missing)
    progress(done, total)
    if not missing:
        return
    with WorkerPool[Film, None](_make_camera, backend, min(workers, len(missing))) as pool:
        for _ in pool.run(missing):
            done += 1
            progress(done, total)


def _make_camera(backend: Backend) -> Work:
    """In a worker: what films one episode."""
    from liquid_pilot.analysis.trace import EpisodeTrace

    def film(task: Film, send: Send) -> None:
        del send
        assignment, trace, path, most_s = task
        doing = task_of(assignment.scenario)
        env = backend.make(assignment.scenario, film=True)
        try:
            film_episode(env, assignment.seed, EpisodeTrace.load(trace), doing.curves, path, most_s=most_s)
        finally:
            env.close()

    return film
