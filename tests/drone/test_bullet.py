"""PyBullet's own line never gets among what a command says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_nothing_is_written_when_it_is_imported() -> None:
    code = "import envs.drone.world, sys; sys.stderr.write('answer')"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert (done.stdout, done.stderr) == ("", "answer")
