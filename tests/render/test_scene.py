from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from envs.render import atlas, props
from envs.render.cells import MESH_CELL, MIDDLE, cut_meshes, cut_props
from envs.render.errors import BadScene
from envs.render.labels import Label
from envs.render.scene import KINDS, TEXTURES, Detail, Instance, Sky, check_mesh
from envs.render.shading import light, vertex_normals
from envs.render.textures import TILE_METRES, texture
from tests.render.worlds import ground, quad, small_world

SQUARE = ((0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0))
UV = np.array(((0, 0), (1, 0), (1, 1), (0, 1)), dtype=float)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"vertices": np.full((4, 3), np.nan)}, "finite"),
        ({"vertices": np.zeros((4, 2))}, "vertices"),
        ({"triangles": np.array(((0, 1, 4),))}, "outside its 4"),
        ({"triangles": np.array(((0.0, 1.0, 2.0),))}, "integers"),
        ({"colours": np.ones((4, 3))}, "uint8"),
        ({"lift": 16}, "lift"),
        ({"texture": "asphalt"}, "needs uv"),
        ({"texture": "tarmac", "uv": UV}, "there are: asphalt"),
        ({"texture": np.zeros((30, 32, 3), np.uint8), "uv": UV}, "powers of two up to 4096, got 32 x 30"),
        ({"texture": np.zeros((32, 32, 3)), "uv": UV}, "uint8"),
        (
            {"texture": np.zeros((32, 32, 3), np.uint8), "texture_labels": np.zeros((16, 32), np.uint8), "uv": UV},
            "texture_labels",
        ),
    ],
)
def test_broken_meshes_are_named(change, words):
    with pytest.raises(BadScene, match=words):
        check_mesh(replace(quad(SQUARE), **change))


def test_unknown_kind_of_prop_names_the_known_ones():
    with pytest.raises(BadScene, match=r"'oak'.*deciduous"):
        cut_props([Instance("oak", (0, 0, 0))], Sky())


def test_labels_are_those_of_carla():
    carla = pytest.importorskip("carla")
    names = {"UNLABELED": "NONE"}
    for label in Label:
        name = names.get(label.name, label.name.title().replace("_", ""))
        assert int(getattr(carla.CityObjectLabel, name)) == label, label


def test_cutting_keeps_every_triangle_and_bounds_the_cells():
    mesh = ground(300.0, 40, texture="grass")
    ((_, pieces),) = cut_meshes([mesh], Sky())
    assert len(pieces) > 9
    assert sum(len(piece.triangles) for piece in pieces) == len(mesh.triangles)

    def corners(vertices, triangles):
        return sorted(map(tuple, np.round(np.asarray(vertices)[triangles].reshape(-1, 9), 3).tolist()))

    cut = [triangle for piece in pieces for triangle in corners(piece.vertices, piece.triangles)]
    assert sorted(cut) == corners(mesh.vertices, mesh.triangles)
    for piece in pieces:
        assert np.ptp(piece.vertices[:, :2], axis=0).max() <= MESH_CELL + 2 * 600 / 40
        assert piece.uv is not None
        assert 0 <= piece.uv.min() < 1  # whole repeats are taken away


def test_equal_materials_of_one_cell_become_one_piece():
    meshes = [quad(np.add(SQUARE, (3 * k, 10, 0)), Label.POLES) for k in range(5)]
    ((_, pieces),) = cut_meshes(meshes, Sky())
    assert [len(piece.triangles) for piece in pieces] == [10]


@pytest.mark.parametrize("detail", [Detail(), Detail(cell=24.0, near=40.0)])
def test_exactly_one_band_of_a_cell_is_drawn_at_any_distance(detail):
    pieces, _ = cut_props(small_world().instances, Sky(), detail)
    by_cell = {}
    for piece in pieces:
        by_cell.setdefault(piece.centre, []).append((piece.begin, piece.end))
    for bands in by_cell.values():
        assert sorted(bands)[0] == (0.0, detail.near)
        assert len(set(bands)) == len(bands)
        for distance in (1.0, detail.near + 1, MIDDLE + 1):
            assert sum(b <= distance < (e or math.inf) for b, e in bands) <= 1
    for x, y, _ in by_cell:
        assert (x / detail.cell) % 1.0 == (y / detail.cell) % 1.0 == 0.5


def test_normals_and_light():
    flat = ground(10, 4)
    np.testing.assert_allclose(vertex_normals(flat.vertices, flat.triangles)[:, 2], 1.0)
    slope = np.array(((0, 0, 0), (1, 0, 1), (1, 1, 1), (0, 1, 0)), dtype=float)
    normals = vertex_normals(slope, np.array(((0, 1, 2), (0, 2, 3))))
    np.testing.assert_allclose(normals, np.tile((-math.sqrt(0.5), 0, math.sqrt(0.5)), (4, 1)), atol=1e-12)
    sky = Sky(sun_azimuth=0.3, sun_elevation=0.6)
    lit, dark = light(sky.sun_direction, sky), light(-sky.sun_direction, sky)
    np.testing.assert_allclose(lit - light(sky.sun_direction, replace(sky, sun_light=(0, 0, 0))), sky.sun_light)
    assert (dark < 0.6 * lit).all()
    assert (dark > 0.1).all()


def test_named_textures_are_what_the_renderer_can_draw_and_tile():
    assert set(TEXTURES) == set(TILE_METRES)
    for name in TEXTURES:
        picture = texture(name)
        assert picture.dtype == np.uint8
        assert picture.shape == (256, 256, 3)
        # The step over the seam is like any other step between rows (concrete has a joint there on purpose).
        grey = picture.astype(float).mean(axis=2)
        steps = np.abs(np.diff(grey, axis=0)).mean(axis=1)
        assert np.abs(grey[0] - grey[-1]).mean() <= steps.max() * 1.3, name


def test_all_kinds_have_models_that_stand_on_the_ground():
    assert set(props._ALL) == set(KINDS)
    for kind in KINDS:
        for variant in range(props.variants(kind)):
            look = props.prop(kind, variant)
            for model in (look.near, look.far):
                if model is None:
                    continue
                assert -0.3 <= model.vertices[:, 2].min() <= 0.7, kind
                np.testing.assert_allclose(np.linalg.norm(model.normals, axis=1), 1.0, atol=0.02)
                assert model.triangles.max() < len(model.vertices)
                assert (model.uv > 0).all()
                assert (model.uv < 1).all()
                assert set(model.labels) <= set(map(int, Label))
        assert props.prop(kind, 0) is props.prop(kind, props.variants(kind))


def test_round_things_show_their_outside():
    for kind in ("hay_bale", "rock"):
        for variant in range(props.variants(kind)):
            model = props.prop(kind, variant).near
            a, b, c = model.vertices[model.triangles].transpose(1, 0, 2)
            front = np.cross(b - a, c - a)
            assert (np.sum(front * ((a + b + c) / 3.0 - model.vertices.mean(axis=0)), axis=1) > 0.0).all(), kind
            assert (np.sum(front * model.normals[model.triangles[:, 0]], axis=1) > 0.0).all(), kind


def test_patches_of_the_atlas_do_not_overlap():
    taken = np.zeros((atlas.SIDE, atlas.SIDE), dtype=int)
    for name, (top, left) in atlas._corners().items():
        height, width = atlas._PATCHES[name][:2]
        assert top + height <= atlas.SIDE
        assert left + width <= atlas.SIDE
        assert top % height == left % width == 0, name  # so that no mipmap mixes two patches
        taken[top : top + height, left : left + width] += 1
    assert taken.max() == 1


def test_obstacles_turn_and_grow_with_their_props():
    circles = props.obstacles(
        [
            Instance("conifer", (5.0, -2.0, 1.0), scale=2.0),
            Instance("church", (100.0, 0.0, 0.0), yaw=math.pi / 2),
            Instance("grass", (0, 0, 0)),
        ]
    )
    np.testing.assert_allclose(circles[0], (5.0, -2.0, 0.6))
    # The tower stands 10.5 m to the church's left, which is towards -x when its front looks to the left.
    np.testing.assert_allclose(circles[-1], (89.5, 0.0, 3.5), atol=1e-9)
    assert props.obstacles([]).shape == (0, 3)
