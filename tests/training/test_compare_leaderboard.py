"""Leaderboards: agents in the order of a figure, marked where chance does not explain the distance."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from practicum.envs import UsageError
from practicum.training.compare import compare
from practicum.training.evaluate import AgentReport, Report
from practicum.training.leaderboard import Place, draw, figure_called, leaderboard, shown
from practicum.training.trials import FIGURES, LESS_IS_BETTER, Trial
from tests.training.test_compare import drawn, report_of

AGENTS = {"fair": drawn(1, 0.4), "good": drawn(2, 0.5), "poor": drawn(3, -1.0)}
PNG = b"\x89PNG\r\n\x1a\n"


def test_agents_stand_by_their_return_and_those_far_behind_are_marked():
    board = leaderboard(compare(report_of(**AGENTS)), "avg_reward")
    assert board.by == "return"
    assert [(place.rank, place.agent) for place in board.places] == [(1, "good"), (2, "fair"), (3, "poor")]
    assert [place.mark for place in board.places] == ["", "", "***"]
    assert board.places[0].p is None
    assert board.comparisons == 3


def test_the_places_do_not_depend_on_the_order_of_the_agents():
    boards = [
        leaderboard(compare(report_of(**dict(agents))))
        for agents in (AGENTS.items(), reversed(AGENTS.items()))
    ]
    assert boards[0] == boards[1]


@pytest.mark.parametrize(
    ("p", "mark"), [(None, ""), (0.05, ""), (0.049, "*"), (0.009, "**"), (0.0009, "***")]
)
def test_stars_say_how_rarely_chance_does_as_much(p: float | None, mark: str):
    assert Place(2, "a", 10, {}, p).mark == mark


def test_fewer_steps_are_better_and_who_has_no_figure_comes_last():
    def played(name: str, steps: float | None) -> AgentReport:
        return AgentReport(name, (Trial("t", dict.fromkeys(FIGURES) | {"steps": steps, "success": 1.0}),))

    agents = {name: played(name, steps) for name, steps in (("none", None), ("slow", 9.0), ("quick", 3.0))}
    board = leaderboard(compare(Report("flight-v1", agents)), "steps")
    assert [place.agent for place in board.places] == ["quick", "slow", "none"]
    assert board.places[-1].figures["steps"] is None
    assert "steps" in LESS_IS_BETTER
    assert "success" not in LESS_IS_BETTER


def test_equal_agents_stand_by_success_and_then_by_name():
    same = {f"{n}": [1.0] for n in range(5)}
    board = leaderboard(compare(report_of(b=same, a=same)))
    assert [place.agent for place in board.places] == ["a", "b"]
    assert [place.p for place in board.places] == [None, 1]


def test_a_leaderboard_is_a_table_whose_cells_hold_whatever_an_agent_is_called():
    board = leaderboard(compare(report_of(**{"a|b": drawn(1, 2.0), "c\nd": drawn(2)})))
    head, _, columns, rule, first, second, _, legend, _ = board.as_markdown().split("\n")
    assert head == "# flight-v1 by return"
    assert columns == "| rank | agent | return | success | p | tasks |"
    assert rule.count("---") == 6
    assert first.startswith("| 1 | a\\|b | ")
    assert second.startswith("| 2 | c d | ")
    assert "\\*\\*\\* | " in second
    assert "Holm's correction for 1" in legend


def test_a_leaderboard_is_json_too():
    board = json.loads(json.dumps(leaderboard(compare(report_of(**AGENTS))).as_json(), allow_nan=False))
    assert board["by"] == "return"
    assert [place["agent"] for place in board["places"]] == ["good", "fair", "poor"]
    assert board["places"][2]["mark"] == "***"
    assert board["places"][0]["figures"]["return"]["n"] == 30


def test_one_agent_has_a_leaderboard_of_its_own():
    board = leaderboard(compare(report_of(a=drawn(1))))
    assert [(place.rank, place.mark) for place in board.places] == [(1, "")]
    assert board.legend == "In brackets: 95 % intervals."


@pytest.mark.parametrize("by", ["return", "success", "steps"])
def test_a_leaderboard_is_a_picture(tmp_path: Path, by: str):
    pytest.importorskip("matplotlib", reason="pictures need matplotlib: pip install 'practicum[eval]'")
    draw(leaderboard(compare(report_of(**AGENTS)), by), tmp_path / "new" / "board.png")
    assert (tmp_path / "new" / "board.png").read_bytes().startswith(PNG)


def test_figures_go_by_their_names():
    assert [figure_called(name) for name in ("avg_reward", "pass^3", "stop_rate")] == [
        "return",
        "pass^3",
        "stop_rate",
    ]
    with pytest.raises(UsageError, match="no figure is called 'sucess'; did you mean 'success'"):
        figure_called("sucess")
    assert shown("success", None) == "-"
