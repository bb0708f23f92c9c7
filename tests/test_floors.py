"""The plan of the house: imports run downwards only, and the command line stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("liquid_pilot", "scenarios", "envs", "policies", "launch")
GROUND = {"liquid_pilot", "liquid_pilot.errors", "liquid_pilot.files", "liquid_pilot.randomness"}
"""The ground floor: errors, files and randomness, for everybody."""
MAY_IMPORT = {
    "liquid_pilot": {"liquid_pilot"},
    "scenarios": {"scenarios"},
    "envs": {"envs", "scenarios"},
    "policies": {"policies", "liquid_pilot"},
    "launch": set(PACKAGES),
}


def imported_modules(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module)
            if node.module == "liquid_pilot":
                found |= {f"liquid_pilot.{alias.name}" for alias in node.names if not alias.name.startswith("_")}
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_run_downwards(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    for path in files:
        for module in imported_modules(path):
            top = module.split(".")[0]
            if top in PACKAGES and module not in GROUND:
                assert top in MAY_IMPORT[package], f"{path.relative_to(ROOT)} imports {module}: that is a floor above"


def test_command_line_imports_nothing_heavy() -> None:
    heavy = {"torch", "panda3d", "cv2", "lightning", "matplotlib"}
    code = f"import sys, launch.cli; print(sorted({heavy} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
