from __future__ import annotations

import sys

import numpy as np
import pytest

from envs.render.errors import WindowUnavailable
from envs.render.window import Window


def test_without_pygame_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pygame", None)
    with pytest.raises(WindowUnavailable, match=r"liquid-pilot\[human\]"):
        Window("test", 64, 48)


def test_without_a_display_the_way_out_is_named(monkeypatch):
    pytest.importorskip("pygame")
    if not sys.platform.startswith("linux"):
        pytest.skip("displays are found by environment variables on Linux only")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(WindowUnavailable, match="rgb_array"):
        Window("test", 64, 48)
    monkeypatch.setenv("SDL_VIDEODRIVER", "no-such-driver")
    with pytest.raises(WindowUnavailable, match="no window can be opened"):
        Window("test", 64, 48)


def test_pictures_arrive_and_the_window_can_be_closed(monkeypatch):
    pygame = pytest.importorskip("pygame")
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    window = Window("test", 64, 48)
    picture = np.zeros((48, 64, 3), dtype=np.uint8)
    picture[10, 20] = (200, 100, 50)
    window.show(picture)
    assert pygame.display.get_surface().get_at((20, 10))[:3] == (200, 100, 50)
    assert window.is_open
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    window.show(picture)
    assert not window.is_open
    window.show(picture)
    window.close()
