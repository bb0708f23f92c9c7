"""The benchmarks run to their end, so that ``make bench`` does not break unseen; what they measure is not judged."""

import subprocess
import sys

import pytest

QUICK = {
    "effects": ["--rounds", "1"],
    "evaluation": ["--rounds", "1", "--worlds", "1", "--seconds", "0.2", "--only", "clear", "jpeg"],
    "training": ["--frames", "256", "--steps", "2", "--threads", "1"],
}


@pytest.mark.parametrize("name", QUICK)
def test_a_benchmark_runs_to_its_end(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", *QUICK[name]], capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    assert "of what is allowed" in done.stdout, done.stdout
