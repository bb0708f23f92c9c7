"""One software rendering engine per process: Panda3D's TinyPanda, set up so that its pitfalls cannot bite.

No window, no X server, no ShowBase. What is handled here and why:

* ``garbage-collect-states 0``: without ShowBase nobody collects Panda's transform states, and every camera move would
  leak five of them.
* The depth buffer cannot be read as a texture in 1.10.16 (it gives colour). ``td-show-zbuffer`` overwrites the colour
  buffer with depth after the colour was copied out; it is switched on only for frames that want depth.
* ``transform-cache``, ``uniquify-transforms`` and ``uniquify-matrix`` 0: every frame has new transforms, and looking
  for old ones that are equal took 3 % of a small picture.
* A removed buffer keeps its pixels for ever, so buffers are never removed: all worlds of a process share one canvas
  per picture size.
* Nodes of equal depth are drawn in a fixed order, and not by where their states happen to lie in memory.
* The renderer is not thread safe: it draws wrong pixels silently. One process per worker; `engine` refuses a second
  thread.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.render.errors import RendererUnavailable

_SETTINGS = """
window-type none
load-display p3tinydisplay
audio-library-name null
garbage-collect-states 0
transform-cache 0
uniquify-transforms 0
uniquify-matrix 0
model-cache-dir
notify-level-display error
notify-level-tinydisplay error
"""

Z_SCALE = float(1 << 20)
"""The depth buffer holds ``near * Z_SCALE / depth`` as integers, thanks to the offset set by `renderer`."""


class Canvas:
    """A picture size: one off-screen buffer, drawn into by every camera of this size in the process."""

    def __init__(self, engine: Engine, width: int, height: int) -> None:
        from panda3d import core

        self.width, self.height = width, height
        self._engine = engine
        self._buffer = engine.make_buffer(width, height)
        # The picture is drawn upside down, so that the first byte in memory is the top left pixel.
        self._buffer.setInverted(True)
        self._buffer.setActive(False)
        self._texture = core.Texture(f"canvas-{width}x{height}")
        self._buffer.addRenderTexture(self._texture, core.GraphicsOutput.RTMCopyRam, core.GraphicsOutput.RTPColor)
        self._region = self._buffer.makeDisplayRegion()
        self._region.setClearColorActive(True)
        self._region.setClearDepthActive(True)

    def draw(self, camera: Any, background: tuple[float, float, float, float], depth: bool = False) -> None:
        """Render what ``camera`` (a NodePath) sees; read it with `pixels`, and with `raw_depth` if ``depth``."""
        self._region.setCamera(camera)
        self._region.setClearColor(background)
        self._engine.show_depth(depth)
        self._buffer.setActive(True)
        try:
            self._engine.render_frame()
        finally:
            self._buffer.setActive(False)
            # The canvas outlives the world: it must not keep it alive.
            self._region.setCamera(self._engine.no_camera)

    def pixels(self) -> NDArray[np.uint8]:
        """The picture, (height, width, 4) uint8 as blue, green, red, alpha: a view, valid until drawn again."""
        image = np.frombuffer(self._texture.getRamImage(), dtype=np.uint8)
        return image.reshape(self.height, self.width, 4)

    def raw_depth(self) -> NDArray[np.uint32]:
        """The depth buffer's integers, (height, width) uint32; 0 is where nothing was drawn."""
        shot = self._region.getScreenshot()
        return np.frombuffer(shot.getRamImage(), dtype=np.uint32).reshape(self.height, self.width)


class Engine:
    """The process's graphics engine; use `engine` to get it."""

    def __init__(self) -> None:
        core = _panda3d()
        core.loadPrcFileData("liquid-pilot", _SETTINGS)
        selection = core.GraphicsPipeSelection.getGlobalPtr()
        # By name, because asking for "the" pipe of the module would try the X display first.
        self._pipe = selection.makePipe("TinyOffscreenGraphicsPipe", "p3tinydisplay")
        if self._pipe is None:
            raise RendererUnavailable(_why_no_pipe())
        # By default nodes are drawn in the order of their states' addresses in memory, which decides between faces at
        # the same depth: pictures would differ between runs. Near ones first is cheaper as well.
        bins = core.CullBinManager.getGlobalPtr()
        bins.setBinType(bins.findBin("opaque"), core.CullBinManager.BTFrontToBack)
        self._core = core
        self._engine = core.GraphicsEngine(self._pipe)
        self._gsg: Any = None
        self._depth = core.ConfigVariableBool("td-show-zbuffer", False)
        self._depth_shown = False
        self._depth.setValue(False)
        self._canvases: dict[tuple[int, int], Canvas] = {}
        self._textures: dict[Any, Any] = {}
        self._thread = threading.get_ident()
        self.no_camera = core.NodePath()

    def make_buffer(self, width: int, height: int) -> Any:
        """A new off-screen buffer; all share the first one's state guardian, and with it the prepared textures."""
        core = self._core
        properties = core.FrameBufferProperties()
        properties.setRgbaBits(8, 8, 8, 8)
        properties.setDepthBits(20)
        size = core.WindowProperties.size(width, height)
        flags = core.GraphicsPipe.BFRefuseWindow | core.GraphicsPipe.BFResizeable
        arguments = (self._pipe, "canvas", 0, properties, size, flags)
        if self._gsg is None:
            buffer = self._engine.makeOutput(*arguments)
        else:
            buffer = self._engine.makeOutput(*arguments, self._gsg, None)
        if buffer is None:
            raise RendererUnavailable(f"Panda3D could not make an off-screen buffer of {width} x {height} pixels")
        self._gsg = buffer.getGsg()
        return buffer

    def canvas(self, width: int, height: int) -> Canvas:
        """The process's canvas of this size."""
        if (width, height) not in self._canvases:
            self._canvases[width, height] = Canvas(self, width, height)
        return self._canvases[width, height]

    def cached_texture(self, key: Any, make: Any) -> Any:
        """A Panda texture that all worlds share (named textures, the atlas), made once by ``make()``."""
        if key not in self._textures:
            self._textures[key] = make()
        return self._textures[key]

    def show_depth(self, on: bool) -> None:
        """Whether the next frame leaves its depth in the colour buffer."""
        if on != self._depth_shown:
            self._depth.setValue(on)
            self._depth_shown = on

    def render_frame(self) -> None:
        """Draw all active buffers now."""
        if threading.get_ident() != self._thread:
            raise RendererUnavailable(
                "the software renderer belongs to the thread that first used it and draws wrong pixels in another; "
                "use one process per worker"
            )
        self._engine.renderFrame()


_shared: list[Engine] = []


def engine() -> Engine:
    """The one engine of this process, started at the first call.

    Raises:
        RendererUnavailable: panda3d or a system library is missing; the message says what to install.
    """
    if not _shared:
        _shared.append(Engine())
    return _shared[0]


def _panda3d() -> Any:
    try:
        from panda3d import core
    except ImportError as error:
        raise RendererUnavailable(f"panda3d cannot be imported ({error}); run: pip install panda3d==1.10.16") from error
    return core


def _why_no_pipe() -> str:
    """Name what keeps the software renderer from loading."""
    if sys.platform.startswith("linux"):
        try:
            ctypes.CDLL("libX11.so.6")
        except OSError:
            return (
                "the software renderer needs the system library libX11.so.6 (no X server, just the library); "
                "run: apt install libx11-6 (Debian, Ubuntu) or dnf install libX11 (Fedora)"
            )
    return "Panda3D's software renderer p3tinydisplay cannot be loaded; reinstall it: pip install panda3d==1.10.16"
