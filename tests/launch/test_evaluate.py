"""Evaluation: what it writes, that it goes on after a kill and does nothing twice, and that it refuses bad input."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from launch.errors import BadSelection, FolderInUse
from launch.evaluate import evaluate
from liquid_pilot.analysis.results import read_episodes
from policies import UnknownPolicy
from scenarios.errors import MapError, ScenarioError

ROOT = Path(__file__).parents[2]

SHORT = {
    "description": "A short stretch of country road",
    "road": {"map": "country-1"},
    "route": {"length_m": 60.0},
    "start": {"position": "random", "lateral_m": 0.3, "heading_deg": 2.0},
    "camera": {"width": 32, "height": 16},
}


@pytest.fixture
def short(tmp_path: Path) -> str:
    path = tmp_path / "short.yaml"
    path.write_text(yaml.safe_dump(SHORT))
    return str(path)


def test_an_evaluation_writes_results_videos_and_a_report(short: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    outcome = evaluate(["expert"], [short], out, episodes=2, workers=1, film_s=0.5)
    assert sorted(p.name for p in out.iterdir()) == [
        "config.yaml",
        "episodes",
        "job.json",
        "report.html",
        "results.json",
        "videos",
    ]
    episodes = read_episodes(out / "results.json")
    assert [(e.scenario, e.seed, e.success, e.end) for e in episodes] == [
        ("short", 0, True, "completed"),
        ("short", 1, True, "completed"),
    ]
    assert episodes[0].metrics["cte_rms_m"] != episodes[1].metrics["cte_rms_m"]
    assert episodes[0].metrics["route_completion"] == 1.0
    document = json.loads((out / "results.json").read_text())
    assert document["versions"]["liquid-pilot"]
    assert document["command"].startswith("liquid-pilot evaluate expert --scenario")
    assert yaml.safe_load((out / "config.yaml").read_text())["scenarios"]["short"]["route"]["length_m"] == 60.0
    assert b"ftyp" in (out / "videos" / "short-0.mp4").read_bytes()[:16]
    assert "2 of 2 episodes" in outcome.headlines[0]
    again = evaluate(["expert"], [short], out, episodes=2, workers=1, film_s=0.5)
    assert again.headlines == outcome.headlines


def test_workers_change_nothing(short: str, tmp_path: Path) -> None:
    for workers in (1, 2):
        evaluate(["expert"], [short], tmp_path / str(workers), episodes=3, workers=workers, videos=False)
    one, two = (read_episodes(tmp_path / str(w) / "results.json") for w in (1, 2))
    timed = ("inference_p50_ms", "inference_p99_ms")
    for a, b in zip(one, two, strict=True):
        assert (a.seed, a.end, a.steps) == (b.seed, b.end, b.steps)
        assert {k: v for k, v in a.metrics.items() if k not in timed} == {
            k: v for k, v in b.metrics.items() if k not in timed
        }


def test_killed_at_several_moments_it_goes_on_and_drives_nothing_twice(short: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "launch.cli", "evaluate", "expert", "--scenario", short, "--out", str(out)]
    command += ["--episodes", "12", "--no-videos", "--workers", "1"]
    finished: dict[str, int] = {}
    for wanted in (1, 5):
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while process.poll() is None and len(list(out.glob("episodes/*/*.npz"))) < wanted:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        for path in out.glob("episodes/*/*.npz"):
            assert finished.setdefault(path.name, path.stat().st_mtime_ns) == path.stat().st_mtime_ns
        assert finished
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    for name, modified in finished.items():
        assert (out / "episodes" / "expert" / name).stat().st_mtime_ns == modified
    assert len(read_episodes(out / "results.json")) == 12
    assert not list(out.rglob("*.partial"))
    assert _orphans(str(out)) == []


def _orphans(word: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if word in (entry / "cmdline").read_text():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"route": {"lenght_m": 60}}, ScenarioError, "length_m"),
        ({"road": {"file": "none.xodr"}}, MapError, "none.xodr"),
    ],
)
def test_bad_scenarios_leave_nothing_behind(
    change: dict[str, object], error: type[Exception], words: str, tmp_path: Path
) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(yaml.safe_dump(SHORT | change))
    with pytest.raises(error, match=words):
        evaluate(["expert"], [str(path)], tmp_path / "out", workers=1)
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_evaluated_is_refused(short: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(UnknownPolicy, match="expert"):
        evaluate(["expret"], [short], out, workers=1)
    with pytest.raises(BadSelection, match="named twice"):
        evaluate(["expert", "expert"], [short], out, workers=1)
    assert not out.exists()
    out.mkdir()
    (out / "thesis.tex").write_text("years of work")
    with pytest.raises(FolderInUse, match=r"thesis\.tex"):
        evaluate(["expert"], [short], out, workers=1)
    assert (out / "thesis.tex").read_text() == "years of work"
