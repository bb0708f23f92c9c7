from __future__ import annotations

from pathlib import Path

import pytest
import torch

from liquid_pilot.imitation.errors import BrokenTrainingState
from liquid_pilot.imitation.state_file import load_state, save_state


def test_a_tree_comes_back_to_the_last_bit(tmp_path: Path):
    state = {
        "weights": torch.randn(4, 3, generator=torch.Generator().manual_seed(0)),
        "conv": torch.randn(2, 3, 5, 5).contiguous(memory_format=torch.channels_last),
        "flags": torch.tensor([True, False]),
        "nothing": torch.zeros(0, 4),
        "step": torch.tensor(3.0),
        "by number": {0: {"exp_avg": torch.ones(2)}, 1: [1, 2.5, None, True, "x", (1, 2)]},
        "small": 0.1 + 0.2,
        "far": float("inf"),
    }
    save_state(tmp_path / "state.safetensors", state)
    back = load_state(tmp_path / "state.safetensors")
    assert list(back) == list(state)
    for name in ("weights", "conv", "flags", "nothing", "step"):
        assert torch.equal(back[name], state[name])
        assert back[name].dtype == state[name].dtype
    assert back["conv"].stride() == state["conv"].stride()
    assert torch.equal(back["by number"][0]["exp_avg"], torch.ones(2))
    assert back["by number"][1] == [1, 2.5, None, True, "x", (1, 2)]
    assert (back["small"], back["far"]) == (0.1 + 0.2, float("inf"))


def test_a_shared_tensor_is_stored_for_each_name(tmp_path: Path):
    shared = torch.arange(4.0)
    save_state(tmp_path / "s", {"a": shared, "b": shared[1:3]})
    assert torch.equal(load_state(tmp_path / "s")["b"], torch.tensor([1.0, 2.0]))


def test_objects_are_refused_and_leave_nothing(tmp_path: Path):
    with pytest.raises(TypeError, match="Path"):
        save_state(tmp_path / "s", {"a": tmp_path})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("damage", [lambda b: b[:-9], lambda b: b[:3], lambda b: b"\x80\x04" + b, lambda b: b""])
def test_a_damaged_file_has_one_clear_error(tmp_path: Path, damage):
    path = tmp_path / "s"
    save_state(path, {"a": torch.ones(4)})
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(BrokenTrainingState, match="train again"):
        load_state(path)
