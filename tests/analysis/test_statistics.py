"""Intervals against closed forms and by simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liquid_pilot.analysis.statistics import bootstrap_mean, success_rate
from liquid_pilot.randomness import generator


def test_wilson_interval_of_known_cases() -> None:
    # Values from Newcombe (1998), table I: 81 of 263 and 0 of 20.
    rate = success_rate([True] * 81 + [False] * 182)
    assert (rate.low, rate.high) == (pytest.approx(0.2553, abs=1e-4), pytest.approx(0.3662, abs=1e-4))
    none = success_rate([False] * 20)
    assert (none.low, none.high) == (0.0, pytest.approx(0.1611, abs=1e-4))


def test_twenty_of_twenty_is_not_certain() -> None:
    rate = success_rate([True] * 20)
    assert rate.mean == rate.high == 1.0
    assert rate.low == pytest.approx(0.839, abs=1e-3)


def test_bootstrap_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    draws = generator(1, "coverage").exponential(1.0, (300, 40))
    hits = [e.low <= 1.0 <= e.high for e in (bootstrap_mean(list(row), resamples=500) for row in draws)]
    assert 0.88 <= np.mean(hits) <= 0.98


def test_bootstrap_is_repeatable() -> None:
    assert bootstrap_mean([1.0, 2.0, 4.0]) == bootstrap_mean([1.0, 2.0, 4.0])


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
def test_the_mean_lies_within_its_interval(values: list[float]) -> None:
    estimate = bootstrap_mean(values, resamples=200)
    slack = 1e-9 * (1 + abs(estimate.mean))
    assert min(values) - slack <= estimate.low <= estimate.high <= max(values) + slack


def test_no_episodes_have_no_rate() -> None:
    with pytest.raises(ValueError, match="at least one"):
        success_rate([])
    with pytest.raises(ValueError, match="at least one"):
        bootstrap_mean([])
