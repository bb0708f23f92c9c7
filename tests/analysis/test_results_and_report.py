"""results.json and report.html hold what the episodes said."""

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from liquid_pilot.analysis.errors import BadResults
from liquid_pilot.analysis.lane_keeping import lane_keeping_metrics
from liquid_pilot.analysis.report import DrivenEpisode, Video, write_report
from liquid_pilot.analysis.results import EpisodeResult, aggregate, read_episodes, write_results
from tests.analysis.factory import make_trace


def episode(policy: str, scenario: str, seed: int, end: str = "completed", error: float = 0.1) -> DrivenEpisode:
    trace = make_trace(end=end, cross_track_error=error)
    metrics = lane_keeping_metrics(trace).as_dict()
    return DrivenEpisode(EpisodeResult(policy, scenario, seed, trace.success, end, len(trace), metrics), trace)


EPISODES = [
    *(episode("ncp19", "hills", s, error=0.1) for s in range(3)),
    *(episode("ncp19", "bends", s, error=0.3) for s in range(2)),
    episode("ncp19", "bends", 2, end="off_lane", error=1.9),
    *(episode("<b>expert", s, 0) for s in ("hills", "bends")),
]


def test_aggregates_count_and_pool() -> None:
    rows = {(r.policy, r.scenario): r for r in aggregate([e.result for e in EPISODES])}
    assert rows["ncp19", "hills"].n == 3
    assert rows["ncp19", "bends"].ends == {"completed": 2, "off_lane": 1}
    assert rows["ncp19", "bends"].success_rate.mean == pytest.approx(2 / 3)
    assert rows["ncp19", "all"].n == 6
    pooled = ((3 * 0.1**2 + 2 * 0.3**2 + 1.9**2) / 6) ** 0.5
    assert rows["ncp19", "all"].metrics["cte_rms_m"].mean == pytest.approx(pooled)


def test_results_survive_the_disk(tmp_path: Path) -> None:
    results = [e.result for e in EPISODES]
    write_results(tmp_path / "results.json", results, command="test", versions={"liquid-pilot": "0"})
    assert read_episodes(tmp_path / "results.json") == results
    document = json.loads((tmp_path / "results.json").read_text())
    assert document["schema"] == 1
    assert set(document["aggregate"][0]["success_rate"]) == {"mean", "low", "high", "n"}


@pytest.mark.parametrize("text", ["", "[]", '{"schema": 7}', '{"schema": 1, "episodes": [{}]}'])
def test_what_is_not_results_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(BadResults, match=r"results\.json"):
        read_episodes(tmp_path / "results.json")


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def test_the_report_is_self_contained_and_names_failures(tmp_path: Path) -> None:
    (tmp_path / "drive.mp4").write_bytes(b"not really a video")
    write_report(
        tmp_path / "report.html",
        EPISODES,
        title="Held-out roads",
        command="liquid-pilot evaluate ncp19",
        versions={"liquid-pilot": "0.1"},
        videos=[Video(tmp_path / "drive.mp4", "hills, seed 0")],
    )
    page = (tmp_path / "report.html").read_text()
    tags = Tags()
    tags.feed(page)
    links = [
        v for _, attrs in tags.seen for k, v in attrs.items() if k in ("src", "href") and v and not v.startswith("#")
    ]
    assert links
    assert all(link.startswith("data:") for link in links)
    assert "ncp19 kept its lane in 5 of 6 episodes" in page
    assert "off lane" in page
    assert "&lt;b&gt;expert" in page
    assert "<b>expert" not in page
    assert page.count("<svg") == 3


def test_the_same_results_give_the_same_page(tmp_path: Path) -> None:
    for name in ("a.html", "b.html"):
        write_report(tmp_path / name, EPISODES, title="t", command="c", versions={})
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
