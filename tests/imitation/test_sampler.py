from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from liquid_pilot.imitation.sampler import WindowSampler, frame_interest


def sampler(spans: list[tuple[int, int]], interest: np.ndarray, length: int = 4, batch: int = 8) -> WindowSampler:
    return WindowSampler.over(spans, interest, length, batch, seed=3, purpose="test")


def test_interest_is_that_of_the_recipe():
    action = np.array([[0.0, 0.0], [0.08, -0.15], [-0.8, 0.3]], np.float32)
    weights = frame_interest(action, np.array([0.08, 0.15], np.float32), share=0.5)
    np.testing.assert_allclose(weights, [1.0, 2.0, 1.0 + 0.5 * (4.0 + 2.0)], rtol=1e-6)


@settings(max_examples=50, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=6).filter(lambda x: max(x) >= 4),
    step=st.integers(0, 10_000),
)
def test_windows_stay_inside_one_drive(lengths: list[int], step: int):
    ends = np.cumsum(lengths)
    spans = [(int(end - length), int(end)) for end, length in zip(ends, lengths, strict=True)]
    frames = sampler(spans, np.ones(ends[-1])).frames(step)
    assert frames.shape == (8, 4)
    for window in frames:
        assert any(first <= window[0] and window[-1] < end for first, end in spans)
        assert (np.diff(window) == 1).all()


def test_a_step_is_a_function_of_seed_purpose_and_step_alone():
    one, two = (sampler([(0, 100)], np.ones(100)) for _ in range(2))
    for step in (5, 1, 9):  # in any order
        one.draw(step)
    np.testing.assert_array_equal(one.draw(7), two.draw(7))
    assert not np.array_equal(one.draw(7), one.draw(8))
    other = WindowSampler.over([(0, 100)], np.ones(100), 4, 8, seed=3, purpose="other")
    assert not np.array_equal(one.draw(7), other.draw(7))


def test_windows_are_drawn_in_proportion_to_their_interest():
    interest = np.ones(400)
    interest[200:] = 3.0
    drawn = np.concatenate([sampler([(0, 200), (200, 400)], interest).draw(step) for step in range(500)])
    # 197 windows of weight 1 and 197 of weight 3; stratified, so the spread is far below sqrt(n).
    assert abs((drawn >= 200).mean() - 0.75) < 0.01
    late = drawn[drawn >= 200] - 200
    assert abs(late.mean() - 98.0) < 3.0


def test_every_step_sees_all_parts_of_the_recordings():
    for step in range(20):
        drawn = np.sort(sampler([(0, 804)], np.ones(804)).draw(step))
        assert ((drawn // 100) == np.arange(8)).sum() >= 7  # 801 windows in 8 parts of 100.1


def test_a_drive_counts_by_its_frames_however_many_windows_it_holds():
    short = [(4 * k, 4 * k + 4) for k in range(25)]  # one window each
    drawn = np.concatenate([sampler([*short, (100, 200)], np.ones(200)).draw(step) for step in range(200)])
    assert abs((drawn < 100).mean() - 0.5) < 0.01  # by their windows it would be 25 of 122
