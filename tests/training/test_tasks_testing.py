"""Testing: agents serve the customers of task records, and their calls are scored."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from practicum.envs import Episode, Step, Task, UsageError
from practicum.envs.retail.env import RetailEnv
from practicum.training.agents import ChatAgent, Decision
from practicum.training.llm import ModelFailed, ModelUnavailable, Reply, ScriptedChat
from practicum.training.tasks.confusion import NOTHING, confusion
from practicum.training.tasks.pipeline import generate
from practicum.training.tasks.played_task import PlayedTask
from practicum.training.tasks.records import TaskRecord, record_of
from practicum.training.tasks.scores import score, unmatched
from practicum.training.tasks.testing import run

RECORDS = generate(n=24, seed=5)
TIMES = ("execution_time", "model_response_time", "tool_execution_time")
UNCOUNTED = ("respond", "think", "calculate")


class Plays:
    """Makes calls in a row, then hands the customer over."""

    def __init__(self, calls: Sequence[Mapping[str, Any]]) -> None:
        self._calls = iter([*calls, {"name": "transfer_to_human_agents", "arguments": {"summary": "done"}}])

    def begin(self, instruction: str, observation: Any, tools: Sequence[Any] = ()) -> None:
        """Nothing to learn."""

    def decide(self, result: Any, error: str | None = None) -> Decision:
        call = next(self._calls)
        return Decision(call["name"], call["arguments"])


def played(record: TaskRecord, calls: Sequence[Mapping[str, Any]]) -> PlayedTask:
    return run([record], lambda task: Plays(calls))[0]


def untimed(tested: Sequence[PlayedTask]) -> list[dict[str, Any]]:
    rows = [each.as_json() for each in tested]
    return [{name: value for name, value in row.items() if name not in TIMES} for row in rows]


def step(tool: str, arguments: Mapping[str, Any]) -> Step:
    return replace(STEP, tool=tool, arguments=arguments)


STEP = Episode(RetailEnv(), RetailEnv.make_task(0)).act("list_all_product_types", {})


def record_with(tool: str) -> TaskRecord:
    return next(record for record in RECORDS if any(call["name"] == tool for call in record.agt))


# Success --------------------------------------------------------------------------------------


def test_the_oracle_serves_nearly_every_scripted_customer():
    tested = run(generate(n=200, seed=1), "oracle")
    assert len(tested) == 200
    assert sum(each.success for each in tested) / 200 >= 0.95
    assert all(each.score.exact and each.score.f1 == 1 for each in tested if each.success)


def test_a_task_is_a_success_where_its_reward_says_so():
    served = run(RECORDS[:1], "oracle")[0]
    handed_over = played(RECORDS[0], [])
    assert (served.reward, served.success) == (1.0, True)
    assert (handed_over.reward, handed_over.success) == (0.0, False)
    assert replace(served, reward=0.98).success is False


def test_the_times_of_agent_and_world_are_parts_of_the_whole():
    for each in run(RECORDS, "oracle"):
        assert 0 < each.tool_execution_time < each.execution_time
        assert 0 < each.model_response_time < each.execution_time
        assert each.tool_execution_time + each.model_response_time <= each.execution_time


# Scores ---------------------------------------------------------------------------------------


def independent(row: Mapping[str, Any]) -> tuple[float, float, float]:
    """Precision, recall and F1 from a row of results, by striking off pairs from lists of texts."""
    gold = [f"{c['name']}{sorted(c['arguments'].items())}" for c in row["task"]["agt"]]
    calls = [f"{c['name']}{sorted(c['arguments'].items())}" for c in row["called_actions"]]
    gold = [each for each in gold if not each.startswith(UNCOUNTED)]
    right, left = 0, list(gold)
    for call in calls:
        if call in left:
            left.remove(call)
            right += 1
    return right / len(calls), 1 - len(left) / len(gold), right / ((len(calls) + len(gold)) / 2)


@pytest.mark.parametrize(("agent", "noise"), [("oracle", 0.2), ("oracle", 0.6), ("random", 0.0)])
def test_precision_recall_and_f1_are_what_an_independent_count_says(agent: str, noise: float):
    rows = [each.as_json() for each in run(RECORDS, agent, noise=noise, seed=3)]
    for row in rows:
        found = (row["action_precision"], row["action_recall"], row["action_f1"])
        assert found == pytest.approx(independent(row))
    assert any(row["action_precision"] < 1 for row in rows)


def test_a_call_in_another_spelling_is_the_same_call_but_is_made_as_it_is_written():
    record = record_with("get_order_details")
    spelt = [{"name": call["name"], "arguments": with_spaces(call["arguments"])} for call in record.agt]
    tested = played(record, spelt)
    looked = next(call for call in tested.called if call["name"] == "get_order_details")
    assert looked["error"] == "order not found"
    assert looked["arguments"]["order_id"].endswith(" ")
    assert tested.score.matched == len(record.agt)


def with_spaces(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name: f"{value} " if name == "order_id" else value for name, value in arguments.items()}


def test_the_order_of_returned_items_means_nothing_and_that_of_exchanged_ones_does():
    to = {"order_id": "#W1", "payment_method_id": "p"}
    for tool, more, equal in (
        ("return_delivered_order_items", {}, 1),
        ("exchange_delivered_order_items", {"new_item_ids": ["3", "4"]}, 0),
    ):
        gold = [{"name": tool, "arguments": {**to, **more, "item_ids": ["1", "2"]}}]
        made = [step(tool, {**to, **more, "item_ids": ["2", "1"]})]
        assert score(made, gold).matched == equal


def test_the_words_in_which_a_customer_is_handed_over_mean_nothing():
    gold = [{"name": "transfer_to_human_agents", "arguments": {"summary": "Wants a refund."}}]
    made = [step("transfer_to_human_agents", {"summary": "The customer asks for their money."})]
    assert score(made, gold).exact
    assert unmatched([{"name": made[0].tool, "arguments": made[0].arguments}], gold) == ([], [])


def test_exact_needs_the_order_and_arguments_are_counted_apart_from_tools():
    record = record_with("get_user_details")
    backwards = played(record, record.agt[::-1]).score
    assert (backwards.exact, backwards.recall) == (False, 1.0)
    (first, *rest) = record.agt
    other = {"name": first["name"], "arguments": dict.fromkeys(first["arguments"], "nobody")}
    found = played(record, [other, *rest]).score
    assert found.named == found.expected
    assert found.argument_match == pytest.approx((found.expected - 1) / found.expected)


def test_what_was_to_be_said_is_looked_for_in_what_was_said():
    record = next(each for each in RECORDS if each.ogt)
    says = [{"name": "respond", "arguments": {"message": " and ".join(record.ogt)}}]
    assert played(record, says).score.output_match == 1
    assert played(record, []).score.output_match == 0
    silent = next(each for each in RECORDS if not each.ogt)
    assert played(silent, []).score.output_match is None


CALLS = st.lists(
    st.builds(
        lambda tool, order_id: {"name": tool, "arguments": {"order_id": order_id}},
        st.sampled_from(["get_order_details", "cancel_pending_order", "think"]),
        st.sampled_from(["#W1", "#W2", " #W1"]),
    ),
    max_size=6,
)


@given(CALLS, CALLS)
def test_what_is_unmatched_is_what_recall_and_precision_lack(called, gold):
    missing, needless = unmatched(called, gold)
    found = score([step(call["name"], call["arguments"]) for call in called], gold)
    assert found.expected - len(missing) == found.called - len(needless) == found.matched
    assert all(call in gold for call in missing)
    assert all(call in called for call in needless)


# Pairs of tools -------------------------------------------------------------------------------


def test_every_expected_and_every_called_tool_stands_in_one_pair():
    tested = run(RECORDS, "random", seed=2)
    found = confusion(tested)
    gold = sum(len(each.record.agt) for each in tested)
    assert sum(n for (one, _), n in found.counts.items() if one != NOTHING) == gold
    called = sum(len(each.called) for each in tested)
    assert sum(n for (_, other), n in found.counts.items() if other != NOTHING) == called
    assert (NOTHING, NOTHING) not in found.counts
    assert sum(map(sum, found.rows())) == sum(found.counts.values())
    assert found.expected[-1] == NOTHING


def test_the_oracle_calls_what_is_expected_and_nothing_else():
    found = confusion(run(RECORDS, "oracle"))
    assert all(one == other for one, other in found.counts)


# A run ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [2, 7])
def test_any_number_of_threads_gives_the_same_rows(threads: int):
    alone = run(RECORDS, "oracle", noise=0.3, seed=4)
    assert untimed(run(RECORDS, "oracle", noise=0.3, seed=4, threads=threads)) == untimed(alone)


def test_tasks_that_are_finished_are_not_played_again():
    before = run(RECORDS[:6], "oracle")
    told: list[int] = []
    counted: list[tuple[int, int]] = []
    after = run(
        RECORDS[:6], "random", finished=before[1::2], told=lambda each: told.append(each.place),
        progress=lambda done, total: counted.append((done, total)),
    )  # fmt: skip
    assert told == [0, 2, 4]
    assert counted == [(4, 6), (5, 6), (6, 6)]
    assert [each.success for each in after] == [False, True] * 3


def test_a_row_can_be_written_and_read_again():
    for each in run(RECORDS, "oracle", noise=0.5):
        assert PlayedTask.from_json(json.loads(json.dumps(each.as_json()))) == each


def test_each_task_has_a_row_of_its_own_name_and_place():
    tested = run([RECORDS[0], RECORDS[1], RECORDS[0]], "oracle")
    assert [each.place for each in tested] == [0, 1, 2]
    assert len({each.task_id for each in tested}) == 3


def test_tasks_of_the_world_itself_are_tested_too():
    tested = run([record_of(RetailEnv.make_task(seed)) for seed in range(8)], "oracle")
    assert all(each.success for each in tested)
    assert tested[0].task_id == RetailEnv.make_task(0).id


def test_tasks_may_be_plain_objects_too():
    tested = run([RECORDS[0].as_json(), {"q": RECORDS[1].q, "agt": list(RECORDS[1].agt)}], "oracle")
    assert [each.success for each in tested] == [True, True]
    with pytest.raises(UsageError, match="no task record: agt"):
        run([{"q": "Hello."}], "oracle")


def test_an_agent_that_learns_from_task_to_task_plays_in_one_thread():
    with pytest.raises(UsageError, match="explorer learns from one task for the next"):
        run(RECORDS[:2], "explorer", threads=2)
    assert len(run(RECORDS[:2], "explorer")) == 2


def test_a_record_that_is_about_nobody_is_refused_before_anything_is_played():
    nobody = replace(RECORDS[0], metadata={"user_id": "nobody_1"})
    told: list[PlayedTask] = []
    with pytest.raises(UsageError, match="'nobody_1', whom the world lacks"):
        run([RECORDS[0], nobody], "oracle", told=told.append)
    assert told == []


# Models ---------------------------------------------------------------------------------------


def over(text: str = "") -> Reply:
    return Reply.calling("transfer_to_human_agents", {"summary": "over"}, text=text)


def test_a_task_whose_model_fails_costs_its_own_row():
    model = ScriptedChat([over(), ModelFailed("m answers 500"), over()])
    tested = run(RECORDS[:3], lambda task: ChatAgent(model))
    assert [each.failure for each in tested] == [None, "ModelFailed: m answers 500", None]
    assert [len(each.called) for each in tested] == [1, 0, 1]


def test_a_task_whose_query_cannot_be_put_into_words_costs_its_own_row():
    writer = ScriptedChat(["You are somebody else.", ModelFailed("m answers 500"), "  "])
    tested = run(RECORDS[:3], "oracle", rewriter=writer)
    assert [each.record.q for each in tested] == ["You are somebody else.", RECORDS[1].q, RECORDS[2].q]
    assert tested[1].failure == "ModelFailed: m answers 500"
    assert [each.success for each in tested] == [True, False, True]
    assert writer.asked[0][1]["content"] == RECORDS[0].q


def test_a_model_that_cannot_be_asked_at_all_ends_the_test():
    told: list[PlayedTask] = []
    model = ScriptedChat([over(), ModelUnavailable("nobody there")])
    with pytest.raises(ModelUnavailable):
        run(RECORDS[:3], lambda task: ChatAgent(model), told=told.append)
    assert [each.place for each in told] == [0]


def test_an_agent_of_ones_own_is_made_for_each_task():
    made: list[Task] = []

    def agent_for(task: Task) -> Plays:
        made.append(task)
        return Plays(task.secret["actions"])

    tested = run(RECORDS[:4], agent_for)
    assert [task.id for task in made] == [each.task_id for each in tested]
    assert all(each.score.recall == 1 for each in tested)
