"""Other colours for a scene: all parts change, nothing else does, and a seed fixes them."""

from __future__ import annotations

import numpy as np
import pytest

import scenarios
from envs.driving.scenery import build_scene
from envs.render.labels import Label
from envs.render.recolour import recoloured
from envs.render.scene import SceneDescription
from envs.render.textures import texture
from envs.road import parse_map


@pytest.fixture(scope="module")
def scene() -> SceneDescription:
    name, text = scenarios.load_drive("train-streets").map_text(0)
    return build_scene(parse_map(text, name), "village", 3)


def test_nothing_changes_without_an_amount(scene: SceneDescription) -> None:
    assert recoloured(scene, 0.0, 5) is scene


def test_every_part_gets_another_colour_and_keeps_its_shape(scene: SceneDescription) -> None:
    other = recoloured(scene, 0.8, 5)
    changed = set()
    for before, after in zip(scene.meshes, other.meshes, strict=True):
        assert after.colours.dtype == np.uint8
        assert after.vertices is before.vertices
        assert after.texture is before.texture
        if not np.array_equal(before.colours, after.colours):
            changed.add(Label(before.label))
    assert {Label.ROADS, Label.SIDEWALKS, Label.TERRAIN} <= changed
    assert other.sky.zenith != scene.sky.zenith
    kinds = {a.kind for a, b in zip(scene.instances, other.instances, strict=True) if a.tint != b.tint}
    assert {"deciduous", "house"} <= kinds
    # What means something by its colour keeps it.
    assert not kinds & {"delineator", "lamp", "chevron", "limit_sign", "rock"}
    assert [a.position for a in scene.instances] == [b.position for b in other.instances]


def test_the_seed_fixes_the_colours(scene: SceneDescription) -> None:
    first, again, another = (recoloured(scene, 0.8, seed) for seed in (5, 5, 6))
    for one, two in zip(first.meshes, again.meshes, strict=True):
        assert np.array_equal(one.colours, two.colours)
    assert first.sky == again.sky
    assert first.sky != another.sky


def test_land_takes_every_hue(scene: SceneDescription) -> None:
    (ground,) = [mesh for mesh in scene.meshes if mesh.label == Label.TERRAIN][:1]
    index = next(number for number, mesh in enumerate(scene.meshes) if mesh is ground)
    brightest = {int(recoloured(scene, 1.0, seed).meshes[index].colours.mean(axis=0).argmax()) for seed in range(30)}
    assert brightest == {0, 1, 2}


def test_land_gets_paler_than_its_texture_on_demand(scene: SceneDescription) -> None:
    for seed in range(3):
        plain, pale = recoloured(scene, 0.8, seed), recoloured(scene, 0.8, seed, palest=1.6)
        assert plain.instances == pale.instances
        assert plain.sky == pale.sky
        for before, after in zip(plain.meshes, pale.meshes, strict=True):
            if before.label != Label.TERRAIN:
                assert after.texture is before.texture
                assert np.array_equal(after.colours, before.colours)
                continue
            assert isinstance(before.texture, str)
            assert isinstance(after.texture, np.ndarray)
            # Every pixel is at least as bright, and so is every corner.
            assert (after.texture >= texture(before.texture)).all()
            assert after.texture.mean() > texture(before.texture).mean()
            assert (after.colours >= before.colours).all()


def test_worlds_of_a_family_have_colours_of_their_own() -> None:
    family = scenarios.load_drive("train-mixed")
    assert family.surroundings.recolour > 0.0
    assert scenarios.load_drive("heldout-generated").surroundings.recolour == 0.0
