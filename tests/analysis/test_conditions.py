"""Weather and faults in reports: tables, heat maps, and the errors of an open loop."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from liquid_pilot.analysis.figures import Cell, matrix_figure
from liquid_pilot.analysis.judging import LANE_KEEPING
from liquid_pilot.analysis.lane_keeping import lane_keeping_metrics
from liquid_pilot.analysis.open_loop import ActionError, OpenLoopResult, write_open_loop
from liquid_pilot.analysis.report import DrivenEpisode, condition_table, headlines, write_report
from liquid_pilot.analysis.results import EpisodeResult, aggregate
from tests.analysis.factory import make_trace


def episode(scenario: str, seed: int, weather: str, faults: tuple[str, ...], good: bool) -> DrivenEpisode:
    trace = make_trace(end="completed" if good else "off_lane", cross_track_error=0.1 if good else 1.0)
    metrics = lane_keeping_metrics(trace).as_dict()
    result = EpisodeResult("ncp19", scenario, seed, good, trace.end, len(trace), metrics, weather, faults)
    return DrivenEpisode(result, trace)


MATRIX = [
    episode(scenario, seed, weather, faults, good=not (weather == "night" and faults and seed == 0))
    for weather in ("clear", "night")
    for faults in ((), ("jpeg:3",))
    for scenario in ("hills", "bends")
    for seed in range(4)
]
ROWS = aggregate([e.result for e in MATRIX])


def test_the_table_has_a_line_for_each_condition_over_all_scenarios() -> None:
    lines = condition_table(ROWS, LANE_KEEPING)
    assert len(lines) == 1 + 4
    assert [re.split(r"\s{2,}", line)[1:4] for line in lines[1:]] == [
        ["clear", "8", "100 %"],
        ["clear, jpeg:3", "8", "100 %"],
        ["night", "8", "100 %"],
        ["night, jpeg:3", "8", "75 %"],
    ]
    alone = [e.result for e in MATRIX if (e.result.weather, e.result.faults) == ("clear", ())]
    assert condition_table(aggregate(alone), LANE_KEEPING) == []


def test_headlines_name_the_first_condition_and_the_worst() -> None:
    first, worst = headlines(ROWS, LANE_KEEPING)
    assert first.startswith("ncp19 kept its lane in 8 of 8 episodes")
    assert "in clear," in first
    assert worst.startswith("ncp19 at its worst, in night, jpeg:3: 6 of 8 episodes (75 %")


def test_the_report_has_a_heat_map_and_names_conditions_where_it_failed(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", MATRIX, title="t", command="c", versions={})
    page = (tmp_path / "report.html").read_text()
    assert "Under which conditions" in page
    assert page.count("75 %") >= 1
    failed = page[page.index("Where it failed") : page.index("Along the route")]
    assert failed.count("night, jpeg:3") == 2
    clear = [e for e in MATRIX if e.result.weather == "clear" and not e.result.faults]
    write_report(tmp_path / "plain.html", clear, title="t", command="c", versions={})
    assert "Under which conditions" not in (tmp_path / "plain.html").read_text()


def test_a_heat_map_has_every_cell_and_its_own_colour_scale() -> None:
    cells = [Cell("clear", (), 1.0, "all"), Cell("night", ("jpeg:3",), 0.0, "none")]
    svg = matrix_figure(cells)
    for text in ("clear", "night", "no fault", "jpeg:3", ">all<", ">none<"):
        assert text in svg
    assert matrix_figure(cells) == svg, "the same bytes for the same results"
    assert matrix_figure([replace(cells[0], goodness=0.5), cells[1]]) != svg


def test_errors_of_an_open_loop_by_hand() -> None:
    recorded, answered = np.float32([0.0, 1.0, 0.0, 1.0]), np.float32([0.5, 1.5, 0.5, 0.5])
    error = ActionError.of(recorded, answered)
    assert (error.rmse, error.bias, error.worst) == (0.5, 0.25, 0.5)
    assert error.share == pytest.approx(0.25 / 0.25)
    assert np.isnan(ActionError.of(np.zeros(4, np.float32), answered).share)


def test_an_open_loop_report_survives_actions_that_never_change(tmp_path: Path) -> None:
    results = [
        OpenLoopResult.compare(
            policy="ncp19",
            scenario="hills",
            seed=1,
            weather=weather,
            faults=(),
            names=("steering", "acceleration"),
            recorded=np.zeros((5, 2), np.float32),
            answered=np.full((5, 2), 0.1, np.float32),
        )
        for weather in ("clear", "fog")
    ]
    write_open_loop(tmp_path, results, title="t", command="c", versions={"v": "1"}, videos=[])
    document = json.loads((tmp_path / "results.json").read_text())
    assert document["kind"] == "open-loop"
    assert document["conditions"][1]["errors"]["steering"]["share_of_variance"] is None
    assert document["conditions"][1]["errors"]["steering"]["rmse"] == pytest.approx(0.1)
    assert "ncp19 in fog" in (tmp_path / "report.html").read_text()
