"""Checkpoints: the same network comes back, and everything that can be wrong with the files has a name."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from liquid_pilot.nn import CONTROLLERS, PilotConfig, PilotNetwork, fully_connected, load_checkpoint, save_checkpoint
from liquid_pilot.nn.checkpoint import read_config
from liquid_pilot.nn.errors import (
    CheckpointCorrupt,
    CheckpointError,
    CheckpointMismatch,
    CheckpointMissing,
    CheckpointVersion,
)

SMALL: dict[str, Any] = {"image_height": 16, "image_width": 24}
IMAGES = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 3, 16, 24, 3), dtype=np.uint8))
SPEED = torch.full((2, 3, 1), 9.0)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return save_checkpoint(tmp_path / "net", PilotNetwork(PilotConfig(seed=3, **SMALL)), "# A card")


@pytest.mark.parametrize("controller", CONTROLLERS)
def test_round_trip(controller: str, tmp_path: Path) -> None:
    network = PilotNetwork(PilotConfig(controller=controller, seed=3, nominal_elapsed=0.1, **SMALL))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.01  # so that nothing can come from the seed
    save_checkpoint(tmp_path / "net", network, "# A card")
    again = load_checkpoint(tmp_path / "net")
    assert again.config == network.config
    assert again.wiring == network.wiring
    assert not again.training
    with torch.no_grad():
        for mine, theirs in zip(network(IMAGES, SPEED), again(IMAGES, SPEED), strict=True):
            assert torch.equal(mine, theirs)
    assert sorted(path.name for path in (tmp_path / "net").iterdir()) == [
        "card.md",
        "config.json",
        "weights.safetensors",
    ]
    assert (tmp_path / "net" / "card.md").read_text() == "# A card\n"


def test_a_wiring_of_ones_own_comes_back(tmp_path: Path) -> None:
    wiring = fully_connected(36, 11, 2, seed=77)
    save_checkpoint(tmp_path, PilotNetwork(PilotConfig(**SMALL), wiring), "")
    assert load_checkpoint(tmp_path).wiring == wiring
    assert read_config(tmp_path)[1] == wiring


def test_saving_over_an_older_state(saved: Path) -> None:
    (saved / "losses.csv").write_text("mine")
    network = load_checkpoint(saved)
    with torch.no_grad():
        network.head.bias += 1
    save_checkpoint(saved, network, "newer")
    assert torch.equal(load_checkpoint(saved).head.bias, network.head.bias)
    assert (saved / "losses.csv").read_text() == "mine"
    assert not list(saved.glob("*.partial"))


def rewrite(key: str, value: Any, section: str | None = None) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        content = json.loads((folder / "config.json").read_text())
        (content if section is None else content[section])[key] = value
        (folder / "config.json").write_text(json.dumps(content))

    return change


def cut(name: str, size: int) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:size])


def other_weights(**changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        other = save_checkpoint(folder.parent / "other", PilotNetwork(PilotConfig(**(SMALL | changes))), "")
        shutil.copy(other / "weights.safetensors", folder)

    return change


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (lambda folder: shutil.rmtree(folder), CheckpointMissing, "not a checkpoint"),
        (lambda folder: (folder / "config.json").unlink(), CheckpointMissing, "no config.json"),
        (lambda folder: (folder / "weights.safetensors").unlink(), CheckpointMissing, "weights.safetensors is missing"),
        (cut("weights.safetensors", 4), CheckpointCorrupt, "cut off"),
        (cut("weights.safetensors", 0), CheckpointCorrupt, "cut off"),
        (cut("weights.safetensors", -1), CheckpointCorrupt, "cut off"),
        (cut("weights.safetensors", 500), CheckpointCorrupt, "cut off"),
        (cut("config.json", 200), CheckpointCorrupt, "JSON"),
        (lambda folder: (folder / "config.json").write_bytes(b"\xff\xfe"), CheckpointCorrupt, "JSON"),
        (lambda folder: (folder / "config.json").write_text("[]"), CheckpointCorrupt, "not the configuration"),
        (rewrite("format", 99), CheckpointVersion, "format 99"),
        (rewrite("unitz", 3, "network"), CheckpointCorrupt, "did you mean units"),
        (rewrite("network", [1]), CheckpointCorrupt, "config.json"),
        (rewrite("wiring", {"roles": []}), CheckpointCorrupt, "stored wiring"),
        (rewrite("seed", 4, "network"), CheckpointMismatch, "do not belong together"),
        (rewrite("wiring", None), CheckpointMismatch, "do not belong together"),
        (rewrite("wiring", fully_connected(3, 3, 2).to_dict()), CheckpointMismatch, "contradicts"),
        (other_weights(seed=4), CheckpointMismatch, "do not belong together"),
        (other_weights(controller="gru"), CheckpointMismatch, "do not belong together"),
    ],
)
def test_every_damage_has_a_name(
    saved: Path, damage: Callable[[Path], None], error: type[CheckpointError], message: str
) -> None:
    damage(saved)
    with pytest.raises(error, match=message) as caught:
        load_checkpoint(saved)
    assert "\n" not in str(caught.value)


def test_one_flipped_bit_anywhere_is_found(saved: Path) -> None:
    path = saved / "weights.safetensors"
    content = path.read_bytes()
    header = 8 + int.from_bytes(content[:8], "little")
    rng = np.random.default_rng(0)
    for place in [
        *range(0, 8),
        *rng.integers(8, header, 40),
        *rng.integers(header, len(content), 20),
        len(content) - 1,
    ]:
        broken = bytearray(content)
        broken[place] ^= 1
        path.write_bytes(broken)
        with pytest.raises(CheckpointError):
            load_checkpoint(saved)
    path.write_bytes(content)
    load_checkpoint(saved)


def test_weights_of_another_shape_or_name(saved: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = saved / "weights.safetensors"
    header = json.loads(path.read_bytes()[8:].split(b"}}", 1)[0].split(b'"__metadata__":', 1)[1].split(b"}")[0] + b"}")
    tensors = load_file(path)
    for changed in (
        {name: tensor for name, tensor in tensors.items() if name != "head.bias"},
        tensors | {"extra": torch.zeros(1)},
        tensors | {"head.bias": torch.zeros(2, 2)},
    ):
        save_file(changed, path, header)
        with pytest.raises(CheckpointMismatch, match=r"head\.bias|extra"):
            load_checkpoint(saved)


def test_reading_the_table_of_controllers_loads_no_torch() -> None:
    code = (
        "import sys; from liquid_pilot.nn import CONTROLLERS, ncp19; ncp19(36).to_svg(); print('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
