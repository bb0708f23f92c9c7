"""A world to look at, in plain numpy: no renderer is imported here, so that scenes can be made and tested anywhere.

How to build one::

    scene = SceneDescription(
        meshes=[Mesh(vertices, triangles, colours, uv=uv, texture="asphalt", label=Label.ROADS)],
        instances=[Instance("conifer", (12.0, 30.0, 0.4), yaw=1.3, scale=1.1, tint=(0.9, 1.0, 0.8))],
        sky=Sky(sun_azimuth=0.8, sun_elevation=0.7),
    )

What is worth knowing:

* Coplanar faces flicker in any z-buffer, and most in this one. Paint lane markings into the road's texture
  (``texture`` as an array, with ``texture_labels`` so that the mask sees them too), or lay strips side by side without
  overlap; for small things on top of a surface (stop lines, arrows) set ``Mesh.lift``.
* Where two meshes meet, let one reach a little below the other or share the vertices of the common edge: through the
  cracks of unequal edges one sees ``Sky.ground``.
* Of a texture the mipmap is chosen by the stretch along the picture's rows alone. On a road, let texels be long in the
  driving direction (0.1 to 0.3 m) and fine across (2 to 5 cm): lines stay sharp, and the distance does not flicker.
* Drawing costs about 30 ns per vertex in view (20 where a piece has one colour), 2 us per piece, 0.1 us per triangle
  that shows and 4 ns per pixel painted, hidden ones included: keep meshes coarse where nothing is to be seen, share
  materials (every texture makes its own pieces), give small things a short ``reach``. The renderer cuts static meshes
  into square cells by itself. See README.md beside this file.
* Meshes with ``shade`` get the sun baked into their vertex colours from their own normals (share vertices for smooth
  ground, repeat them for hard edges). Front faces are counter-clockwise; others are not drawn unless ``two_sided``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.render.errors import BadScene
from envs.render.labels import Label

Colour = tuple[float, float, float]
"""Red, green, blue in 0..1 (a tint multiplies: 1 leaves a channel as it is)."""

TEXTURES = (
    "asphalt", "asphalt_old", "concrete", "paving", "grass", "meadow", "leaf_litter", "gravel", "sand", "snow", "rock",
    "earth",
)  # fmt: skip
"""Names that ``Mesh.texture`` may hold; one repeat of the picture covers uv 0..1 (see textures.TILE_METRES)."""

KINDS = (
    "deciduous", "birch", "conifer", "bush", "cactus", "grass", "rock", "hay_bale",
    "house", "house_wide", "house_tall", "barn", "church", "building", "building_tall",
    "delineator", "fence", "guard_rail", "sign_curve", "sign_limit", "lamp", "car",
)  # fmt: skip
"""Names that ``Instance.kind`` may hold.

Origins are on the ground; the front (a house's door, a sign's face, the car's nose) looks along +x at yaw 0. ``fence``
and ``guard_rail`` are one 4 m segment along +x from the origin. Heights at scale 1 (metres): deciduous 8, birch 9,
conifer 11, bush 1.6, house 7, building 13, delineator 1, lamp 8. ``props.footprint(kind)`` gives the circles to avoid.
"""


@dataclass(frozen=True, eq=False)
class Mesh:
    """Static triangles in world coordinates (or in the body frame, for a dynamic object).

    Args:
        vertices: (V, 3) float, metres.
        triangles: (T, 3) int, indices into the vertices, counter-clockwise seen from the front.
        colours: (V, 3) or (3,) uint8; multiplies the texture, or is the colour where there is none.
        uv: (V, 2) float texture coordinates, u to the right and v up in the picture; needed with a texture.
        texture: a name of `TEXTURES`, an (H, W, 3 or 4) uint8 array (height and width powers of two up to 4096; row 0
            is the top, v = 1; the 4th channel cuts holes where it is below 128), or None. Textures repeat, and up to a
            pixel beyond a face's edge is drawn: keep the uv of a cut-out a little inside 0..1.
        texture_labels: (H, W) uint8 labels of an array texture, e.g. `Label.ROAD_LINES` where a marking is painted.
        label: what the faces are.
        shade: bake sun and sky light into the colours by the vertex normals.
        two_sided: draw back faces too (cards, leaves).
        lift: steps towards the eye in depth, for things that lie on a surface (0 to 15).
        reach: metres from the eye beyond which it is not drawn; None = as far as the far plane.
    """

    vertices: NDArray[Any]
    triangles: NDArray[Any]
    colours: NDArray[Any]
    uv: NDArray[Any] | None = None
    texture: str | NDArray[np.uint8] | None = None
    texture_labels: NDArray[np.uint8] | None = None
    label: int = Label.UNLABELED
    shade: bool = True
    two_sided: bool = False
    lift: int = 0
    reach: float | None = None


@dataclass(frozen=True, slots=True)
class Instance:
    """One copy of a prop.

    Args:
        kind: one of `KINDS`.
        position: (x, y, z) of its foot, metres.
        yaw: turn about the vertical, radians, counter-clockwise.
        scale: size factor, or one per body axis (length, width, height).
        tint: multiplies the variable part of its colours (leaves, walls, paint).
        variant: which of the looks of this kind (any integer; taken modulo their number).
    """

    kind: str
    position: tuple[float, float, float]
    yaw: float = 0.0
    scale: float | tuple[float, float, float] = 1.0
    tint: Colour = (1.0, 1.0, 1.0)
    variant: int = 0


@dataclass(frozen=True, slots=True)
class Sky:
    """Sky, sun and the light that they throw; colours in 0..1, angles in radians.

    Args:
        zenith: colour straight up.
        horizon: colour at the horizon, also of the haze before the hills.
        sun_azimuth: direction towards the sun in the plane, counter-clockwise from +x.
        sun_elevation: height of the sun above the horizon.
        sun_light: colour and strength of the direct light.
        sky_light: colour and strength of the light from everywhere.
        clouds: share of the sky covered by soft clouds, 0..1.
        hills: height of the ring of distant hills as an angle; 0 = none.
        hill_colour: colour of the hills before haze.
        ground: colour of the far ground below the horizon where the scene has no mesh.
        seed: of the clouds and the hills.
    """

    zenith: Colour = (0.25, 0.47, 0.80)
    horizon: Colour = (0.76, 0.85, 0.92)
    sun_azimuth: float = 0.9
    sun_elevation: float = 0.75
    sun_light: Colour = (0.66, 0.62, 0.52)
    sky_light: Colour = (0.46, 0.49, 0.54)
    clouds: float = 0.35
    hills: float = 0.07
    hill_colour: Colour = (0.30, 0.42, 0.38)
    ground: Colour = (0.45, 0.55, 0.36)
    seed: int = 0

    @property
    def sun_direction(self) -> NDArray[np.float64]:
        """(3,) unit vector towards the sun, world frame."""
        flat = math.cos(self.sun_elevation)
        return np.array(
            (flat * math.cos(self.sun_azimuth), flat * math.sin(self.sun_azimuth), math.sin(self.sun_elevation))
        )


@dataclass(frozen=True, slots=True)
class Detail:
    """How far from the eye props are drawn in full. In worlds where one only drives past them on a road, the default.

    Args:
        cell: side of the squares that change their detail as a whole, metres.
        near: metres from the eye to a square's middle up to which it is drawn in full.
    """

    cell: float = 64.0
    near: float = 64.0


@dataclass(frozen=True, eq=False)
class SceneDescription:
    """Everything that stands still in a world.

    Args:
        meshes: own geometry: road, terrain.
        instances: props by name.
        sky: sky, sun, light.
        obstacles: (N, 3) float64 circles x, y, radius in metres that a vehicle collides with. The renderer ignores
            them; ``props.obstacles(instances)`` makes them from the props.
        seed: of whatever the renderer draws by chance (which leaf goes where); same seed, same pixels.
        detail: of the props.
    """

    meshes: Sequence[Mesh] = ()
    instances: Sequence[Instance] = ()
    sky: Sky = field(default_factory=Sky)
    obstacles: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 3)))
    seed: int = 0
    detail: Detail = Detail()


def check_mesh(mesh: Mesh) -> None:
    """Raise `BadScene` when the mesh's arrays do not fit together (shapes, indices, finite numbers, texture)."""
    count = len(mesh.vertices)
    if mesh.vertices.shape != (count, 3) or not np.isfinite(mesh.vertices).all():
        raise BadScene(f"mesh vertices must be finite (V, 3), got shape {mesh.vertices.shape}")
    if mesh.triangles.ndim != 2 or mesh.triangles.shape[1] != 3 or mesh.triangles.dtype.kind not in "iu":
        raise BadScene(f"mesh triangles must be integers (T, 3), got {mesh.triangles.dtype} {mesh.triangles.shape}")
    if mesh.triangles.size and (mesh.triangles.min() < 0 or mesh.triangles.max() >= count):
        raise BadScene(f"mesh triangles point outside its {count} vertices")
    if mesh.colours.shape not in ((3,), (count, 3)) or mesh.colours.dtype != np.uint8:
        raise BadScene(
            f"mesh colours must be uint8 (3,) or ({count}, 3), got {mesh.colours.dtype} {mesh.colours.shape}"
        )
    if not 0 <= mesh.label <= 255 or not 0 <= mesh.lift <= 15:
        raise BadScene(f"mesh label must be 0..255 and lift 0..15, got {mesh.label} and {mesh.lift}")
    if mesh.texture is None:
        return
    if mesh.uv is None or mesh.uv.shape != (count, 2):
        raise BadScene(f"a textured mesh needs uv ({count}, 2), got {None if mesh.uv is None else mesh.uv.shape}")
    if isinstance(mesh.texture, str):
        if mesh.texture not in TEXTURES:
            raise BadScene(f"unknown texture {mesh.texture!r}; there are: {', '.join(TEXTURES)}")
        return
    shape = mesh.texture.shape
    if len(shape) != 3 or shape[2] not in (3, 4) or mesh.texture.dtype != np.uint8:
        raise BadScene(f"a texture must be uint8 (H, W, 3 or 4), got {mesh.texture.dtype} {shape}")
    # The software renderer draws anything else white, without a word.
    if any(side & (side - 1) or not 1 <= side <= 4096 for side in shape[:2]):
        raise BadScene(f"texture sides must be powers of two up to 4096, got {shape[1]} x {shape[0]}")
    if mesh.texture_labels is not None and mesh.texture_labels.shape != shape[:2]:
        raise BadScene(f"texture_labels must be {shape[:2]} like the texture, got {mesh.texture_labels.shape}")
