from __future__ import annotations

import ctypes
import subprocess
import sys
import threading
import time

import psutil
import pytest

from envs.render import engine as engine_module
from envs.render.engine import Engine, engine
from envs.render.errors import RendererUnavailable
from envs.render.pose import Pose
from envs.render.renderer import Renderer
from tests.render.worlds import RIGHT_ANGLE, ROOT, small_world


def test_one_engine_and_one_canvas_per_size():
    assert engine() is engine()
    assert engine().canvas(48, 32) is engine().canvas(48, 32)


def test_a_missing_library_is_named(monkeypatch):
    from panda3d import core

    class NoPipe:
        @staticmethod
        def getGlobalPtr():  # noqa: N802 - Panda's name
            return NoPipe

        @staticmethod
        def makePipe(*_):  # noqa: N802
            return None

    def no_library(name):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(core, "GraphicsPipeSelection", NoPipe)
    with pytest.raises(RendererUnavailable, match="reinstall"):
        Engine()
    monkeypatch.setattr(ctypes, "CDLL", no_library)
    with pytest.raises(RendererUnavailable, match="apt install libx11-6"):
        Engine()


def test_a_missing_panda_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "panda3d", None)
    with pytest.raises(RendererUnavailable, match="pip install panda3d"):
        engine_module._panda3d()


def test_another_thread_is_refused(make_renderer):
    camera = make_renderer(small_world()).camera(64, 48, 1.0)
    caught = []

    def draw():
        try:
            camera.render(Pose.from_angles(0, 0, 1))
        except RendererUnavailable as error:
            caught.append(str(error))

    thread = threading.Thread(target=draw)
    thread.start()
    thread.join()
    assert len(caught) == 1
    assert "one process per worker" in caught[0]
    camera.render(Pose.from_angles(0, 0, 1))  # and ours still works


def test_describing_scenes_needs_no_renderer():
    code = (
        "import sys, envs.render.scene, envs.render.pose, envs.render.props, envs.render.cells, envs.render.sky\n"
        "assert not any(name.startswith('panda3d') for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def visit_worlds() -> None:
    """Forty worlds, one after the other; prints the growth in bytes and Panda states, and the slowing factor."""
    from panda3d import core

    process = psutil.Process()

    def visit(seed: int) -> float:
        renderer = Renderer(small_world(seed))
        camera = renderer.camera(200, 78, RIGHT_ANGLE, {"rgb", "depth", "segmentation"})
        car = renderer.add("car", Pose.from_angles(5, 0, 0))
        best = 1.0
        for step in range(16):
            start = time.perf_counter()
            camera.render(Pose.from_angles(-80 + 9 * step, 0, 1.4, 0.01 * seed))
            car.move(Pose.from_angles(-70 + 9 * step, 0, 0, 0.1 * step))
            best = min(best, time.perf_counter() - start)
        renderer.close()
        return best

    for seed in range(10):  # caches fill: textures, models, canvases
        visit(seed)
    memory, states = process.memory_info().rss, core.TransformState.getNumStates()
    early = min(visit(seed) for seed in range(10, 15))
    for seed in range(15, 35):
        visit(seed)
    late = min(visit(seed) for seed in range(35, 40))
    grown = process.memory_info().rss - memory, core.TransformState.getNumStates() - states
    sys.stdout.write(f"{grown[0]} {grown[1]} {late / early}")


def test_forty_worlds_leave_nothing_behind():
    """Memory and frame time after many worlds are those after a few (Panda leaks in at least four ways by itself).

    In a process of its own, whose memory no other test has stirred.
    """
    code = "from tests.render.test_engine import visit_worlds; visit_worlds()"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    memory, states, slower = map(float, run.stdout.split())
    assert memory < 8e6
    assert states < 500
    assert slower < 2.5
