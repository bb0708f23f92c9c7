"""PyBullet's own line never gets among a command's answers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_nothing_is_written_to_standard_output() -> None:
    code = "import envs.drone.world, sys; sys.stdout.write('answer')"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout == "answer"
