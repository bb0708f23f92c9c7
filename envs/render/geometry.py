"""Arrays to Panda3D: vertex data, textures with their mipmaps, render states."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from envs.render.labels import Label

_UNIT = (np.arange(256) / 255).astype(np.float32)
_PRIORITY = 200
"""Override of the segmentation's states over the nodes' own."""


def make_geom(
    vertices: NDArray[np.float32],
    triangles: NDArray[np.int32],
    colours: NDArray[np.uint8] | NDArray[np.float32] | None,
    uv: NDArray[np.float32] | None,
) -> Any:
    """A ``core.Geom`` of (V, 3) metres, (T, 3) indices, (V, 3) colours and (V, 2) texture coordinates.

    Colours are bytes, or float32 in 0..1 where they must be exact, or None where the state has them.
    """
    from panda3d import core

    # Four floats per column on 16-byte boundaries are what Panda reads quickest (30 ns a vertex instead of 41 ns with
    # three floats and four bytes), and vertices are half of the cost of a small picture.
    array = core.GeomVertexArrayFormat()
    array.addColumn(core.InternalName.getVertex(), 4, core.Geom.NTFloat32, core.Geom.CPoint)
    if colours is not None:
        array.addColumn(core.InternalName.getColor(), 4, core.Geom.NTFloat32, core.Geom.CColor)
    if uv is not None:
        array.addColumn(core.InternalName.getTexcoord(), 2, core.Geom.NTFloat32, core.Geom.CTexcoord)
        array.addColumn(core.InternalName.make("padding"), 2, core.Geom.NTFloat32, core.Geom.COther)
    parts = [np.asarray(vertices, dtype="<f4"), np.ones((len(vertices), 1), dtype="<f4")]
    if colours is not None:
        parts += [_UNIT[colours] if colours.dtype == np.uint8 else colours, parts[1]]
    if uv is not None:
        parts += [np.asarray(uv, dtype="<f4"), np.zeros((len(vertices), 2), dtype="<f4")]
    rows = np.concatenate(parts, axis=1)
    layout = core.GeomVertexFormat.registerFormat(core.GeomVertexFormat(array))
    data = core.GeomVertexData("", layout, core.Geom.UHStatic)
    data.uncleanSetNumRows(len(vertices))
    memoryview(data.modifyArray(0)).cast("B")[:] = rows.tobytes()
    faces = core.GeomTriangles(core.Geom.UHStatic)
    faces.setIndexType(core.Geom.NTUint32 if len(vertices) > 65535 else core.Geom.NTUint16)
    index = np.ascontiguousarray(triangles, dtype="<u4" if len(vertices) > 65535 else "<u2")
    handle = faces.modifyVertices()
    handle.uncleanSetNumRows(index.size)
    memoryview(handle).cast("B")[:] = index.tobytes()
    geom = core.Geom(data)
    geom.addPrimitive(faces)
    return geom


def common_colour(
    colours: NDArray[np.uint8] | NDArray[np.float32],
) -> tuple[float, float, float, float] | None:
    """The one colour of all these (V, 3) bytes when they are the same to the eye (3 %), else (or for floats) None.

    A piece of one colour is drawn without colours per vertex, which saves a third of the time per vertex.
    """
    if colours.dtype != np.uint8:
        return None
    low, high = colours.min(axis=0).astype(int), colours.max(axis=0).astype(int)
    if int((high - low).max()) > 8:
        return None
    red, green, blue = ((low + high) / 510).tolist()
    return red, green, blue, 1.0


def make_texture(name: str, pixels: NDArray[np.uint8], blended: bool = False) -> Any:
    """A repeating ``core.Texture`` of (H, W, 3 or 4) uint8 with mipmaps; row 0 is the top.

    The 4th channel cuts holes, or is a transparency where ``blended``.
    """
    if pixels.shape[2] == 3:
        # Panda's own mipmaps are right and quick where nothing is cut out.
        return _upload(name, [cv2.cvtColor(pixels, cv2.COLOR_RGB2RGBA)])  # type: ignore[list-item]
    levels = [pixels]
    while max(levels[-1].shape[:2]) > 1:
        levels.append(_halved(levels[-1], 4 if blended else 5))
    return _upload(name, levels)


def make_label_texture(name: str, labels: NDArray[np.uint8], alpha: NDArray[np.uint8] | None) -> Any:
    """A texture whose colour says the label, (H, W) uint8; holes as in ``alpha`` (H, W), with the same mipmaps."""
    height, width = labels.shape
    colour = np.full((height, width, 4), 255, dtype=np.uint8)
    colour[..., 3] = 255 if alpha is None else alpha
    levels, marks = [colour], [labels]
    while max(levels[-1].shape[:2]) > 1:
        marks.append(_commonest(marks[-1]))
        # Without holes there is nothing to average: every colour is overwritten below.
        levels.append(np.full((*marks[-1].shape, 4), 255, np.uint8) if alpha is None else _halved(levels[-1]))
    for level, mark in zip(levels, marks, strict=True):
        level[..., :3] = mark[..., None]
    return _upload(name, levels)


def _blocks(image: NDArray[Any]) -> NDArray[Any]:
    """Blocks of 2 x 2 pixels, (H/2, W/2, 4, ...); a side of 1 stays."""
    height, width = image.shape[:2]
    rows, columns = min(height, 2), min(width, 2)
    split = image.reshape(height // rows, rows, width // columns, columns, *image.shape[2:])
    return split.swapaxes(1, 2).reshape(height // rows, width // columns, rows * columns, *image.shape[2:])


def _halved(image: NDArray[np.uint8], quarters: int = 5) -> NDArray[np.uint8]:
    """The next mipmap of (H, W, 4): colour weighted by alpha, so that holes do not bleed; integers only.

    The mean alpha is multiplied by ``quarters`` / 4: leaves must not vanish in the distance, where the test for holes
    is a hard half.
    """
    blocks = _blocks(image).astype(np.uint32)
    count = blocks.shape[2]
    alpha = blocks[..., 3]
    total = alpha.sum(axis=2)
    weight = np.where(total[..., None] == 0, 1, alpha)
    weighted = (blocks[..., :3] * weight[..., None]).sum(axis=2)
    result = np.empty((*total.shape, 4), dtype=np.uint8)
    result[..., :3] = (weighted + weight.sum(axis=2)[..., None] // 2) // weight.sum(axis=2)[..., None]
    result[..., 3] = np.minimum(total * quarters // (count * 4), 255)
    return result


def _commonest(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The next mipmap of labels: of 2 x 2 the most frequent, of equals the greatest (a line wins over the road)."""
    blocks = np.sort(_blocks(labels), axis=2)
    best = blocks[..., -1].copy()
    count = (blocks == best[..., None]).sum(axis=2)
    for place in range(blocks.shape[2] - 1):
        other = blocks[..., place]
        times = (blocks == other[..., None]).sum(axis=2)
        better = times > count
        best[better], count = other[better], np.maximum(count, times)
    return np.asarray(best, dtype=np.uint8)


def _upload(name: str, levels: list[NDArray[np.uint8]]) -> Any:
    from panda3d import core

    height, width = levels[0].shape[:2]
    texture = core.Texture(name)
    texture.setup2dTexture(width, height, core.Texture.TUnsignedByte, core.Texture.FRgba)
    for level, image in enumerate(levels):
        # Panda wants blue, green, red, alpha, bottom row first.
        data = cv2.cvtColor(image[::-1], cv2.COLOR_RGBA2BGRA).tobytes()
        if level == 0:
            texture.setRamImage(data)
        else:
            texture.setRamMipmapImage(level, core.CPTAUchar(data))
    texture.setMinfilter(core.SamplerState.FTNearestMipmapNearest)
    texture.setMagfilter(core.SamplerState.FTNearest)
    texture.setWrapU(core.SamplerState.WMRepeat)
    texture.setWrapV(core.SamplerState.WMRepeat)
    # No copy is kept for saving or reloading; the renderer's own copy is made from the RAM image at first use.
    texture.setKeepRamImage(True)
    return texture


def label_colour(label: int) -> tuple[float, float, float, float]:
    """The flat colour that arrives in the frame buffer as exactly ``label`` (label / 255 would often miss by one)."""
    value = (int(label) + 0.5) / 256
    return value, value, value, 1.0


def label_colours(labels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Vertex colours (V, 3) that arrive as exactly ``labels`` (V,) when multiplied with a white texture.

    The renderer takes a texture's 255 for 255 / 256 of a colour, hence the 255 here.
    """
    return np.repeat(((labels.astype(np.float32) + 0.5) / 255)[:, None], 3, axis=1)


def flat_label_state(label: int) -> Any:
    """How the segmentation camera draws a node of one label."""
    from panda3d import core

    return core.RenderState.make(
        core.ColorAttrib.makeFlat(core.LColor(*label_colour(label))), core.TextureAttrib.makeAllOff(), _PRIORITY
    )


def label_texture_state(texture: Any) -> Any:
    """How the segmentation camera draws a node whose labels lie in a texture."""
    from panda3d import core

    attribute = core.TextureAttrib.make(texture)
    return core.RenderState.make(core.ColorAttrib.makeFlat(core.LColor(1, 1, 1, 1)), attribute, _PRIORITY)


SKY_COLOUR = label_colour(Label.SKY)
