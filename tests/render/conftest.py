from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from envs.render.renderer import Renderer
from envs.render.scene import SceneDescription


@pytest.fixture
def make_renderer() -> Iterator[Callable[..., Renderer]]:
    """Renderers that are closed at the end of the test."""
    made: list[Renderer] = []

    def make(scene: SceneDescription, **options: float) -> Renderer:
        made.append(Renderer(scene, **options))
        return made[-1]

    yield make
    for renderer in made:
        renderer.close()
