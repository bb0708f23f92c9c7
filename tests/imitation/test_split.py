from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liquid_pilot.imitation.errors import TooFewDrives
from liquid_pilot.imitation.split import split_drives


@given(
    roads=st.lists(st.sampled_from("abcdefgh"), min_size=2, max_size=40).filter(lambda x: len(set(x)) > 1),
    share=st.floats(0.05, 0.5),
    seed=st.integers(0, 100),
)
def test_no_road_is_on_both_sides(roads: list[str], share: float, seed: int):
    split = split_drives(roads, [10] * len(roads), share, seed)
    assert split.by == "road"
    assert split.training
    assert split.validation
    assert sorted(split.training + split.validation) == list(range(len(roads)))
    assert not {roads[i] for i in split.training} & {roads[i] for i in split.validation}


def test_the_share_is_met_where_roads_are_many():
    roads = [str(i // 5) for i in range(200)]
    split = split_drives(roads, [64] * 200, 0.12, seed=1)
    assert 0.12 <= len(split.validation) / 200 <= 0.18
    assert split == split_drives(roads, [64] * 200, 0.12, seed=1)
    assert split != split_drives(roads, [64] * 200, 0.12, seed=2)


def test_a_road_that_is_most_of_the_data_is_kept_for_training():
    for seed in range(10):
        split = split_drives(["long", "long", "short"], [500, 500, 60], 0.1, seed)
        assert split.validation == (2,)


def test_one_road_is_split_by_drive():
    split = split_drives(["a"] * 10, [20] * 10, 0.2, seed=0)
    assert split.by == "drive"
    assert len(split.validation) == 2


def test_a_single_drive_cannot_be_split():
    with pytest.raises(TooFewDrives, match="record more"):
        split_drives(["a"], [100], 0.1, seed=0)
