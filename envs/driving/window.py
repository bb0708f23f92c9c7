"""A window for ``render_mode="human"``; pygame draws it (the ``human`` extra)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from envs.render.errors import WindowUnavailable


class Window:
    """Shows pictures one after the other, no faster than they should go.

    Args:
        title: of the window.
        fps: pictures per second at most.

    Raises:
        WindowUnavailable: pygame is not installed, or there is no display.
    """

    def __init__(self, title: str, fps: float) -> None:
        try:
            import pygame
        except ImportError as error:
            raise WindowUnavailable(
                "render_mode 'human' needs pygame: pip install 'liquid-pilot[human]', or use render_mode 'rgb_array'"
            ) from error
        self._pygame = pygame
        self._title = title
        self._fps = fps
        self._screen: Any = None
        self._clock = pygame.time.Clock()

    def show(self, picture: npt.NDArray[np.uint8]) -> None:
        """Show a picture (H, W, 3) uint8 RGB, having waited until it is due."""
        pygame = self._pygame
        height, width = picture.shape[:2]
        if self._screen is None:
            try:
                pygame.display.init()
                pygame.display.set_caption(self._title)
                self._screen = pygame.display.set_mode((width, height))
            except pygame.error as error:
                raise WindowUnavailable(
                    f"no window can be opened ({error}); without a screen use render_mode 'rgb_array'"
                ) from error
        pygame.event.pump()  # otherwise the desktop takes the window for frozen
        self._screen.blit(pygame.surfarray.make_surface(picture.swapaxes(0, 1)), (0, 0))
        pygame.display.flip()
        self._clock.tick(self._fps)

    def close(self) -> None:
        """Close the window; may be called twice."""
        if self._screen is not None:
            self._pygame.display.quit()
            self._screen = None
