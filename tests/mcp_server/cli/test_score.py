"""`practicum score`: sessions and files, by rules and by a judge, for people and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from practicum.memory import Sessions, Store
from practicum.memory.preferences import Preferences
from practicum.memory.scores import Scores
from tests.mcp_server.cli.conftest import Practicum
from tests.model_server import Answer, said, serving
from tests.training.scored import BOOKING, KNOWLYR, best, by_calls, by_chance, by_script, written


@pytest.fixture
def played(db: Path) -> list[str]:
    """A success and a failure of the same task."""
    with closing(Store.open(db)) as store:
        failure = by_calls(store, ("search_flights", {}), ("search_flights", {}), ("abort", {}))
        return [by_script(store).id, failure.id]


def test_a_session_is_shown_step_by_step_with_reasons(practicum: Practicum, played: list[str]) -> None:
    out = practicum("score", played[1][:8]).out
    assert "repeats turn 1" in out
    assert "turn" in out
    assert "process" in out
    assert played[1][:12] in out


def test_scores_come_as_json_and_stand_in_the_log(practicum: Practicum, db: Path, played: list[str]) -> None:
    found = json.loads(practicum("score", *played, "--json").out)
    assert [each["session"] for each in found["scores"]] == played
    assert [each["domain"] for each in found["scores"]] == ["travel", "travel"]
    steps = found["scores"][1]["steps"]
    assert [step["scores"]["rules"]["non_redundancy"] for step in steps] == [1, 0.3, 1]
    assert found["agreement_with_outcome"] == {"rules": {"auc": 1.0, "successes": 1, "failures": 1}}
    with closing(Store.open(db)) as store:
        assert len(Scores(store).of(played[1], "rules")) == 6


def test_several_sessions_are_a_line_each_and_agreement_is_told(
    practicum: Practicum, played: list[str]
) -> None:
    out = practicum("score", *played).out
    assert [each[:12] in out for each in played] == [True, True]
    assert "rules: a success scores above a failure in 100% of pairs (1 and 1 sessions)" in out


def test_all_means_every_ended_session_of_practice(practicum: Practicum, db: Path, played: list[str]) -> None:
    with closing(Store.open(db)) as store:
        evaluated = by_script(store, purpose="evaluation")
    found = json.loads(practicum("score", "--all", "--json").out)
    assert {each["session"] for each in found["scores"]} == set(played)
    assert all(each["steps"] == [] and each["length"] > 0 for each in found["scores"])
    assert "all 2" in practicum("score", "--all").out
    with closing(Store.open(db)) as store:
        assert Scores(store).of(evaluated.id) == []


def test_a_file_is_scored_by_the_domain_named_and_needs_no_log(
    practicum: Practicum, db: Path, tmp_path: Path
) -> None:
    path = written(tmp_path, KNOWLYR)
    found = json.loads(practicum("score", path, "--domain", "coding", "--json").out)
    (score,) = found["scores"]
    assert (score["session"], score["domain"], score["efficiency"]) == ("trajectory.json", "coding", 0.666667)
    assert [step["reward"] for step in score["steps"]] == [1, 0.5, 1]
    assert not db.exists()


def test_without_a_model_the_scripted_judge_answers_and_says_so(
    practicum: Practicum, played: list[str]
) -> None:
    said = practicum("score", played[0], "--layer", "judge", "--layer", "rules")
    assert "no --model is given: the scripted judge answered" in said.err
    again = practicum("score", played[0], "--layer", "judge")
    assert "scripted: 0 calls" in again.err


def test_calls_of_a_judge_are_limited_and_what_is_left_is_told(
    practicum: Practicum, played: list[str]
) -> None:
    said = practicum("score", *played, "--layer", "judge", "--max-calls", "1")
    assert "scripted: 1 calls" in said.err
    assert "the limit is 1 calls; run again to go on" in said.err


def test_a_limit_in_money_needs_prices(practicum: Practicum, played: list[str]) -> None:
    said = practicum("score", played[0], "--layer", "judge", "--max-cost", "1")
    assert "give --price-in and --price-out" in said.refusal


def test_a_model_judges_over_the_wire_within_its_price(practicum: Practicum, played: list[str]) -> None:
    def judging(body: Mapping[str, Any]) -> Answer:
        return said(best(body["messages"]))

    with serving(judging) as server:
        told = practicum(
            *("score", played[1], "--layer", "judge", "--model", "m", "--base-url", server.url),
            *("--price-in", "1", "--price-out", "2", "--json"),
        )
    found = json.loads(told.out)
    assert (found["judge"]["version"][:4], found["judge"]["calls"]) == ("1-m-", 3)
    assert found["judge"]["cost"] == found["scores"][0]["cost"] == pytest.approx(3 * (7 * 1 + 3 * 2) / 1000)
    assert found["scores"][0]["rubrics"] == {
        "goal_progress": 1.0,
        "param_correctness": 1.0,
        "tool_selection": 1.0,
    }


def test_pairs_are_kept_in_the_log(practicum: Practicum, db: Path, played: list[str]) -> None:
    said = practicum("score", "--all", "--pairs")
    with closing(Store.open(db)) as store:
        pairs = list(Preferences(store).read())
        assert {(pair.chosen, pair.rejected) for pair in pairs} == {tuple(played)}
        assert {Sessions(store).resolve(each).task.hash for each in played} == {BOOKING[0].hash}
    assert f"{len(pairs)} pairs of sessions of the same task" in said.err


def test_the_layer_human_is_for_sessions_alone(practicum: Practicum, tmp_path: Path) -> None:
    said = practicum("score", written(tmp_path, KNOWLYR), "--layer", "human")
    assert "leave --layer human out" in said.refusal


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        ((), "score takes sessions or files, or --all"),
        (("abc", "--all"), "score takes sessions or files, or --all"),
        (("abc",), "no session 'abc'"),
        (("--all", "--layer", "rule"), "no layer 'rule'; did you mean 'rules'"),
        (("--all", "--domain", "codng"), "no domain 'codng'; did you mean 'coding'"),
    ],
)
def test_what_cannot_be_scored_is_refused_in_one_line(
    practicum: Practicum, played: list[str], arguments: tuple[str, ...], refusal: str
) -> None:
    assert refusal in practicum("score", *arguments).refusal


def test_without_a_log_the_way_out_is_named(practicum: Practicum) -> None:
    assert "play a session first" in practicum("score", "--all").refusal


def test_a_session_of_chance_scores_no_better_than_the_script(practicum: Practicum, db: Path) -> None:
    with closing(Store.open(db)) as store:
        ids = [by_script(store).id, *(by_chance(store, seed=seed).id for seed in range(3))]
    scores = json.loads(practicum("score", *ids, "--json").out)["scores"]
    assert all(scores[0]["process"] >= each["process"] for each in scores)
