"""A window that shows pictures to a person (render_mode "human"); needs the extra ``human``."""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.render.errors import WindowUnavailable

_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER")


class Window:
    """A window; when it is enlarged, the picture grows with it.

    Args:
        title: in the window's bar.
        width: of the pictures, pixels.
        height: of the pictures, pixels.

    Raises:
        WindowUnavailable: pygame is not installed, or there is no display.
    """

    def __init__(self, title: str, width: int, height: int) -> None:
        # pygame greets on standard output otherwise.
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        try:
            import pygame
        except ImportError as error:
            raise WindowUnavailable(
                f"a window needs pygame, which cannot be imported ({error}); run: pip install 'liquid-pilot[human]'"
            ) from error
        # SDL would fall back to a window that nobody sees.
        if sys.platform.startswith("linux") and not any(os.environ.get(name) for name in _DISPLAYS):
            raise WindowUnavailable(
                "no window can be opened: neither DISPLAY nor WAYLAND_DISPLAY is set; "
                "on a machine without a screen use render_mode='rgb_array'"
            )
        self._pygame: Any = pygame
        self.size = (width, height)
        try:
            pygame.display.init()
            pygame.display.set_mode(self.size, pygame.RESIZABLE)
        except pygame.error as error:
            pygame.display.quit()
            raise WindowUnavailable(
                f"no window can be opened ({error}); on a machine without a screen use render_mode='rgb_array'"
            ) from error
        pygame.display.set_caption(title)
        self._open = True

    @property
    def is_open(self) -> bool:
        """False once the person closed it (or `close` was called); `show` notices."""
        return self._open

    def show(self, picture: NDArray[np.uint8]) -> None:
        """Show an RGB picture, (height, width, 3) uint8, and look after the window's events; nothing when closed."""
        if not self._open:
            return
        pygame = self._pygame
        for event in pygame.event.get():
            if event.type == pygame.QUIT:
                self.close()
                return
        surface = pygame.surfarray.make_surface(picture.swapaxes(0, 1))
        window = pygame.display.get_surface()
        window.blit(pygame.transform.scale(surface, window.get_size()), (0, 0))
        pygame.display.flip()

    def close(self) -> None:
        """Close the window; may be called twice."""
        if self._open:
            self._open = False
            self._pygame.display.quit()
