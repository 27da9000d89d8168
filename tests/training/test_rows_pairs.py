"""Pairs: two ways on from one beginning, of one task, the better first."""

from __future__ import annotations

import json

import pytest

from practicum.envs.errors import UsageError
from practicum.memory.preferences import Preference
from practicum.training.agents import Decision
from practicum.training.datasets import Order, Query, Selection, export, from_log, read_pairs
from tests.training.played import play, store, tasks_of

__all__ = ["store"]

LOOK, GIVE_UP = Decision("search_flights", {}, "Look."), Decision("abort", {}, "No.")
WRONG = [LOOK, Decision("add_to_cart", {"flight_id": "XX1"}), GIVE_UP]


def tasks(count=1):
    return tasks_of("flight", count=count, kind="book", feasible=True)


def pairs(store, preferences=None, scores=None, **query):
    return list(from_log(Selection(store, Query(**query), scores), "dpo", preferences))


def test_a_right_end_is_preferred_to_a_wrong_one_from_where_they_part(store):
    (right,) = play(store, tasks=tasks())
    (wrong,) = play(store, tasks=tasks(), agent=[LOOK, GIVE_UP])
    (pair,) = pairs(store)
    assert (pair.sessions, pair.kind, pair.margin) == ((right, wrong), "outcome", 1.0)
    assert pair.chosen[0]["role"] == pair.rejected[0]["role"] == "assistant"
    assert pair.chosen[0] != pair.rejected[0]
    assert pair.task_hash == tasks()[0].hash


def test_what_went_alike_before_is_the_prompt(store):
    play(store, tasks=tasks(), agent=[LOOK, GIVE_UP])
    play(store, tasks=tasks(), agent=WRONG)
    (pair,) = pairs(store, gap=0.01)
    assert pair.kind == "return"
    assert [m["role"] for m in pair.prompt] == ["system", "user", "assistant", "tool"]
    assert pair.prompt[2]["tool_calls"][0]["function"]["name"] == "search_flights"
    assert [m["tool_calls"][0]["function"]["name"] for m in pair.chosen if "tool_calls" in m] == ["abort"]


def test_sessions_that_came_to_the_same_end_need_a_gap(store):
    play(store, tasks=tasks(), agent=[LOOK, GIVE_UP])
    play(store, tasks=tasks(), agent=WRONG)
    assert pairs(store, gap=0.5) == []


def test_process_rewards_tell_sessions_of_the_same_end_apart(store):
    (short,) = play(store, tasks=tasks(), agent=[LOOK, GIVE_UP])
    (long,) = play(store, tasks=tasks(), agent=WRONG)
    worth = {short: 0.2, long: 0.9}
    (pair,) = pairs(store, scores=lambda session: {1: worth[session.id]}, gap=0.5)
    assert (pair.sessions, pair.kind) == ((long, short), "score")
    assert pair.margin == pytest.approx(0.7)


def test_sessions_of_different_tasks_make_no_pair(store):
    first, second = tasks(2)
    play(store, tasks=[first])
    play(store, tasks=[second], agent=[GIVE_UP])
    assert pairs(store) == []
    with pytest.raises(UsageError, match="not of one task"):
        pairs(store, [_preference(store, 1, 2)])


def _preference(store, chosen, rejected):
    found = {row["number"]: row for row in store.read("SELECT number, id, task FROM session_starts")}
    task = found[chosen]["task"]
    return Preference(task, "rating", 1, found[chosen]["id"], found[rejected]["id"], 0.5)


def test_no_more_pairs_come_from_a_task_than_asked_for(store):
    for seed in range(4):
        play(store, tasks=tasks(), noise=0.3, seed=seed)
        play(store, tasks=tasks(), agent=[LOOK] * seed + [LOOK, GIVE_UP])
    assert len(pairs(store, pairs_per_task=3)) == 3
    assert {pair.kind for pair in pairs(store, pairs_per_task=3)} == {"outcome"}


def test_pairs_of_steps_are_the_next_calls_after_one_beginning(store):
    play(store, tasks=tasks())
    play(store, tasks=tasks(), agent=[GIVE_UP])
    found = pairs(store, step_pairs=True)
    (pair,) = found
    assert [message["role"] for message in pair.prompt] == ["system", "user"]
    assert len(pair.chosen) == len(pair.rejected) == 1
    assert pair.rejected[0]["tool_calls"][0]["function"]["name"] == "abort"
    assert pair.margin == 1.0


def test_the_mean_of_all_who_went_on_alike_decides_between_steps(store):
    play(store, tasks=tasks())
    for _ in range(2):
        play(store, tasks=tasks(), agent=[Decision("search_flights", {"page": 2}), GIVE_UP])
    play(store, tasks=tasks(), agent=[GIVE_UP])
    kept = pairs(store, step_pairs=True, gap=0.9)
    assert {pair.margin for pair in kept} == {1.0}


def test_preferences_of_people_are_taken_over_what_the_log_tells(store, tmp_path):
    (right,) = play(store, tasks=tasks())
    (wrong,) = play(store, tasks=tasks(), agent=[LOOK, GIVE_UP])
    file = tmp_path / "preferences.jsonl"
    file.write_text(json.dumps({"chosen": wrong, "rejected": right}) + "\n", encoding="utf-8")
    export(store, Order(form="dpo", preferences=str(file)), tmp_path / "pairs.jsonl")
    (pair,) = read_pairs(tmp_path / "pairs.jsonl")
    assert pair.sessions == (wrong, right)
    assert pair.kind == "preference"


def test_preferences_about_evaluations_make_no_pair(store):
    play(store, tasks=tasks())
    play(store, tasks=tasks(), agent=[GIVE_UP], purpose="evaluation")
    assert pairs(store, [_preference(store, 1, 2)]) == []


def test_a_line_that_is_no_preference_is_named(store, tmp_path):
    file = tmp_path / "preferences.jsonl"
    file.write_text('{"chosen": "a"}\n', encoding="utf-8")
    with pytest.raises(UsageError, match=r"preferences\.jsonl:1: rejected"):
        export(store, Order(form="dpo", preferences=str(file)), tmp_path / "pairs.jsonl")
    assert not (tmp_path / "pairs.jsonl").exists()
