"""``liquid-pilot doctor``: what this machine has, what is missing, and how to get it."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

State = Literal["good", "note", "bad"]

ENOUGH_DISK_GB = 5.0
ENOUGH_MEMORY_GB = 4.0


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report: what was looked at, its state, what was found and what to do about it."""

    subject: str
    state: State
    found: str
    cure: str = ""


def examine() -> Iterator[Finding]:
    """Look at everything, one finding after the other; never raises because of what it finds."""
    checks: tuple[Callable[[], Finding], ...] = (
        _python,
        _torch,
        _renderer,
        _video,
        _carla,
        _carla_server,
        _pybullet,
        _zoo,
        _compiler,
        _liquid,
        _engine,
        _memory,
        _disk,
        _window,
    )
    for check in checks:
        yield check()


def _python() -> Finding:
    version = platform.python_version()
    if sys.version_info[:2] == (3, 11):
        return Finding("Python", "good", version)
    return Finding("Python", "bad", version, "use Python 3.11: pybullet and carla have no wheels for others in common")


def _torch() -> Finding:
    try:
        import torch
    except (ImportError, OSError) as error:
        return Finding("torch", "bad", str(error), "make install")
    speed = "trains in bfloat16" if _bfloat16() else "trains in float32: no bfloat16 here, half as fast or less"
    return Finding("torch", "good", f"{torch.__version__}, {torch.get_num_threads()} threads, {speed}")


def _bfloat16() -> bool:
    from liquid_pilot.imitation.head import bfloat16_pays

    return bfloat16_pays()


def _renderer() -> Finding:
    from liquid_pilot.errors import LiquidPilotError

    try:
        from envs.render.engine import engine

        engine()
        return Finding("renderer", "good", f"Panda3D {metadata.version('panda3d')}, software")
    except (ImportError, LiquidPilotError) as error:
        return Finding("renderer", "bad", str(error), "apt install libx11-6 (Debian, Ubuntu), then once more")


def _video() -> Finding:
    try:
        import av
    except ImportError as error:
        return Finding("video", "bad", str(error), "make install")
    if "libx264" in av.codecs_available:
        return Finding("video", "good", f"av {av.__version__} with H.264")
    return Finding("video", "bad", "av without libx264", "install av from PyPI: its wheels bring the encoder")


def _carla() -> Finding:
    from envs.carla.client.wheel import VERSION, wheel
    from envs.carla.errors import WheelMissing

    subject, cure = "carla client", f"pip install carla=={VERSION} (Python 3.10 to 3.12, x86-64 Linux or Windows)"
    try:
        wheel()
        found = metadata.version("carla")
    except WheelMissing as error:
        return Finding(subject, "bad", str(error.__cause__), cure)
    except metadata.PackageNotFoundError:
        return Finding(subject, "bad", "a module carla that is not the package", cure)
    return Finding(subject, "good" if found == VERSION else "bad", found, "" if found == VERSION else cure)


def _carla_server() -> Finding:
    from envs.carla.client.probe import server_identity
    from launch.serve import CARLA_PORT, CARLA_VERSION

    where = f"127.0.0.1:{CARLA_PORT}"
    version = server_identity("127.0.0.1", CARLA_PORT)
    if version is None:
        return Finding("carla server", "note", f"none on {where}", "liquid-pilot serve (no GPU), or CARLA's own")
    if version.split(",")[0] != CARLA_VERSION:
        cure = f"use CARLA {CARLA_VERSION}: clients of other versions misread its messages"
        return Finding("carla server", "note", f"{version} on {where}", cure)
    return Finding("carla server", "good", f"{version} on {where}")


def _pybullet() -> Finding:
    return _package("pybullet", "pybullet", "pip install pybullet")


def _package(name: str, subject: str, cure: str) -> Finding:
    try:
        return Finding(subject, "good", metadata.version(name))
    except metadata.PackageNotFoundError:
        return Finding(subject, "bad", "not installed", cure)


def _zoo() -> Finding:
    import policies

    zoo = Path(policies.__file__).parent / "zoo"
    names = sorted(p.parent.name for p in zoo.glob("*/config.json"))
    if names:
        return Finding("zoo", "good", ", ".join(names))
    return Finding("zoo", "bad", f"no trained policy in {zoo}", "install from a complete checkout")


def _compiler() -> Finding:
    found = next((c for c in ("cc", "gcc", "clang") if shutil.which(c)), None)
    if found:
        return Finding("C compiler", "good", found)
    return Finding("C compiler", "note", "none", "only to install the fast liquid networks: apt install gcc")


def _liquid() -> Finding:
    subject = "liquid networks"
    try:
        from liquid_pilot.nn.errors import KernelChoice
        from liquid_pilot.nn.scan.library import CURE, VARIABLE, Library, forced, found
    except (ImportError, OSError) as error:
        return Finding(subject, "bad", str(error), "make install")
    try:
        choice, library = forced(), found()
    except KernelChoice as error:
        return Finding(subject, "bad", str(error), f"unset {VARIABLE}")
    if not isinstance(library, Library):
        state: State = "bad" if choice == "c" else "note"
        reason = type(library).__name__.removeprefix("Kernel").lower()
        return Finding(subject, state, f"the slower torch path; fused scan {reason}", CURE)
    if choice == "torch":
        return Finding(subject, "note", f"the slower torch path: {VARIABLE}=torch", f"unset {VARIABLE}")
    return Finding(subject, "good", f"fused scan in C, {library.instructions}")


def _engine() -> Finding:
    subject = "perception"
    try:
        from liquid_pilot.deploy.engine import VARIABLE, chosen, missing, version
        from liquid_pilot.deploy.errors import DeployError
    except (ImportError, OSError) as error:
        return Finding(subject, "bad", str(error), "make install")
    try:
        engine = chosen()
    except DeployError as error:
        return Finding(subject, "bad", str(error), f"unset {VARIABLE}")
    if engine == "onnxruntime":
        return Finding(subject, "good", version(engine))
    cure = "pip install 'liquid-pilot[fast]'" if missing() else f"unset {VARIABLE}"
    return Finding(subject, "note", f"{version(engine)}, slower than ONNX Runtime", cure)


def _memory() -> Finding:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    state: State = "good" if total >= ENOUGH_MEMORY_GB else "note"
    return Finding("memory", state, f"{total:.1f} GiB", "" if state == "good" else "use --workers 1")


def _disk() -> Finding:
    free = shutil.disk_usage(".").free / 2**30
    state: State = "good" if free >= ENOUGH_DISK_GB else "note"
    return Finding("disk here", state, f"{free:.1f} GiB free", "" if state == "good" else "20,000 frames take 1.2 GiB")


def _window() -> Finding:
    try:
        found = f"pygame {metadata.version('pygame')}"
    except metadata.PackageNotFoundError:
        return Finding("window", "note", "no pygame", "only for render_mode='human': pip install 'liquid-pilot[human]'")
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or sys.platform != "linux":
        return Finding("window", "good", found)
    return Finding("window", "note", f"{found}, no display", "only for render_mode='human'; videos need no window")
