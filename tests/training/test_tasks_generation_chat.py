"""Tasks that a chat model writes and reviews: what it is told, what mistakes cost, and how it mends them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from practicum.envs.retail.world import open_world
from practicum.training.llm import ModelFailed, ModelUnavailable, ScriptedChat
from practicum.training.tasks import Pipeline, Recipe, Statistics, TaskRecord, generate, validate
from practicum.training.tasks.chat_proposals import EYES
from practicum.training.tasks.pipeline import attempts

Line = str | Exception
YES, NO = '{"approve": true}', '{"approve": false, "reason": "the customer sounds like a form"}'


def written(record: TaskRecord, **changed: Any) -> str:
    """A task as a model writes it at once."""
    return json.dumps({"q": record.q, "agt": list(record.agt), "ogt": list(record.ogt), **changed})


def planned(*calls: Mapping[str, Any]) -> str:
    return json.dumps({"calls": list(calls)})


def judged(status: str, reason: str = "") -> str:
    return json.dumps({"status": status, "reason": reason})


def flow(record: TaskRecord) -> list[str]:
    """What a model answers that plans a call a turn and then writes the task."""
    *before, goal = record.agt
    turns = [line for call in before for line in (planned(call), judged("continue", "more is needed"))]
    return [*turns, planned(goal), judged("complete"), written(record)]


def question(model: ScriptedChat, place: int) -> dict[str, Any]:
    """What a model was told in a call; negative places count from the end."""
    told: dict[str, Any] = json.loads(model.asked[place][-1]["content"])
    return told


def role(model: ScriptedChat, place: int) -> str:
    return str(model.asked[place][0]["content"])


def offline(count: int = 4) -> list[TaskRecord]:
    """Tasks by rules: about the customers whom a model is shown for the same numbers."""
    return generate("", count)


def made_by(lines: Sequence[Line], **recipe: Any) -> tuple[TaskRecord, ScriptedChat]:
    model = ScriptedChat(lines)
    (attempt,) = attempts(Pipeline(Recipe(**recipe), model), range(1))
    assert attempt.record is not None
    return attempt.record, model


def spoilt(record: TaskRecord) -> list[dict[str, Any]]:
    """Its gold calls, the orders in them of somebody else."""
    foreign = next(
        order_id
        for order_id, order in open_world().orders.items()
        if order["user_id"] != record.metadata["user_id"] and order["status"] == "pending"
    )
    return [
        {
            **call,
            "arguments": {
                **call["arguments"],
                **({"order_id": foreign} if "order_id" in call["arguments"] else {}),
            },
        }
        for call in record.agt
    ]


# What goes well -----------------------------------------------------------------------


def test_a_model_writes_tasks_of_the_records_that_it_is_shown() -> None:
    wanted = offline()
    model = ScriptedChat([line for record in wanted for line in (written(record), YES, YES, YES)])
    made = generate("", 4, model=model)
    assert [(record.q, record.agt, record.ogt) for record in made] == [(w.q, w.agt, w.ogt) for w in wanted]
    for place, record in enumerate(made):
        told = question(model, 4 * place)
        assert (told["scenario"], told["records"]["user_id"]) == (record.scenario, record.metadata["user_id"])
        assert "feedback" not in told
        assert record.metadata["confidence"] == 1
        assert validate(record).valid


def test_agentflow_plans_executes_verifies_and_remembers_turn_by_turn() -> None:
    (wanted,) = offline(1)
    made, model = made_by([*flow(wanted), YES, YES, YES], mode="agentflow")
    assert made.agt == wanted.agt
    assert (made.metadata["generation_method"], made.metadata["turns"]) == ("agentflow", len(wanted.agt))
    planner = [question(model, place) for place in range(0, 2 * len(wanted.agt), 2)]
    for turn, told in enumerate(planner):
        assert [call["name"] for call in told["calls"]] == [call["name"] for call in wanted.agt[:turn]]
        assert all("result" in call for call in told["calls"])
        assert told["remarks"] == ["more is needed"] * turn
    writer = question(model, -4)
    assert [call["name"] for call in writer["calls"]] == [call["name"] for call in wanted.agt]


def test_reviewers_are_asked_one_by_one_each_for_something_else() -> None:
    (wanted,) = offline(1)
    _, model = made_by([written(wanted), *[YES] * 5], committee_size=5)
    roles = [role(model, place) for place in range(1, 6)]
    assert all(eye in said for eye, said in zip(EYES.values(), roles, strict=True))
    assert all("approve" not in str(model.asked[place][1]) for place in range(1, 6))


def test_the_last_object_of_an_answer_counts_whatever_is_said_around_it() -> None:
    (wanted,) = offline(1)
    wordy = f"<think>{{braces}} {{}} and all</think>\n```json\n{written(wanted)}\n```\nDone."
    made, _ = made_by([wordy, f"I say: {YES}", YES, YES])
    assert made.agt == wanted.agt


# What goes wrong, and is mended -------------------------------------------------------


def test_a_model_that_names_the_order_of_somebody_else_is_told_and_mends_it() -> None:
    (wanted,) = offline(1)
    wrong = spoilt(wanted)
    model = ScriptedChat([written(wanted, agt=wrong), written(wanted), YES, YES, YES])
    (attempt,) = attempts(Pipeline(Recipe(), model), range(1))
    assert attempt.record is not None
    assert attempt.record.agt == wanted.agt
    assert "order_foreign" in attempt.rejections[0].kinds
    first, second = question(model, 0), question(model, 1)
    assert second["records"] == first["records"]
    assert any(line.startswith("order_foreign: order '#W") for line in second["feedback"])
    assert second["turned_down"]["agt"] == wrong


def test_a_planner_that_names_the_order_of_somebody_else_is_told_and_mends_it() -> None:
    (wanted,) = offline(1)
    wrong = TaskRecord(wanted.q, tuple(spoilt(wanted)))
    model = ScriptedChat([*flow(wrong), *flow(wanted), YES, YES, YES])
    (attempt,) = attempts(Pipeline(Recipe(mode="agentflow"), model), range(1))
    assert attempt.record is not None
    assert attempt.record.agt == wanted.agt
    again = question(model, len(flow(wrong)))
    assert again["calls"] == []
    assert any(line.startswith("order_foreign: ") for line in again["feedback"])


def test_a_majority_of_the_committee_is_enough_and_is_the_confidence() -> None:
    (wanted,) = offline(1)
    made, _ = made_by([written(wanted), YES, NO, YES])
    assert made.metadata["confidence"] == 0.67
    assert made.success


def test_what_a_majority_objects_to_is_told_and_tried_again() -> None:
    (wanted,) = offline(1)
    model = ScriptedChat([written(wanted), NO, YES, "no idea", written(wanted), YES, YES, NO])
    (attempt,) = attempts(Pipeline(Recipe(), model), range(1))
    assert attempt.record is not None
    names = list(EYES)
    assert attempt.rejections[0].kinds == (f"committee_{names[0]}", f"committee_{names[2]}")
    told = question(model, 4)["feedback"]
    assert told == [
        "the customer sounds like a form",
        "reply: scripted answered with no JSON object",
    ]


@pytest.mark.parametrize(
    ("garbage", "kind"),
    [
        ("I would rather not.", "reply"),
        ("", "reply"),
        ('{"q": "x", "agt": "find_user"}', "reply"),
        ('{"q": "x", "agt": [{"name": 5}]}', "reply"),
        ('{"q": "", "agt": []}', "reply"),
        ('{"q": "x", "agt": [], "ogt": "42"}', "reply"),
        ('{"q": "x", "agt": [{"name": "a", "arguments": {"b": NaN}}]}', "reply"),
        ('{"q": "x", "agt": [{"name": "", "arguments": {}}]}', "reply"),
        ("{" * 50_000, "reply"),
        ('{"q": "\\ud800", "agt": []}', "reply"),
        ('{"q": "x", "agt": [{"name": "think", "arguments": {"thought": "x"}}]}', "not_gold"),
        (
            '{"q": "x", "agt": [{"name": "get_user_details", "arguments": {"user_id": "\\ud800"}}]}',
            "user_missing",
        ),
        ('{"q": "x", "agt": []}', "no_calls"),
        (ModelFailed("the server stumbled"), "model"),
    ],
)
def test_an_answer_that_is_no_task_costs_a_try_and_not_the_run(garbage: Line, kind: str) -> None:
    wanted = offline(2)
    lines = [garbage, written(wanted[0]), YES, YES, YES, written(wanted[1]), YES, YES, YES]
    run = list(attempts(Pipeline(Recipe(), ScriptedChat(lines)), range(2)))
    assert [attempt.record and attempt.record.agt for attempt in run] == [record.agt for record in wanted]
    assert kind in Statistics.of(run).reasons
    assert Statistics.of(run).proposals == 3


@pytest.mark.parametrize(
    "garbage",
    [
        ["no plan"],
        [planned({"name": "refund_everything", "arguments": {}}), judged("failed", "there is no such tool")],
        [planned(), judged("maybe"), planned(), judged("continue", "still nothing")],
        [planned(), judged("complete"), "no task"],
        [planned({"name": "respond", "arguments": {"message": "Hello?"}}), judged("complete"), '{"q": "x"}'],
    ],
)
def test_a_flow_that_leads_nowhere_costs_a_try_and_not_the_run(garbage: list[str]) -> None:
    (wanted,) = offline(1)
    lines = [*garbage, *flow(wanted), YES, YES, YES]
    turns = max(2, len(wanted.agt))
    if len(garbage) == 4:
        lines = [
            *garbage,
            *[line for _ in range(turns - 2) for line in (planned(), judged("continue"))],
            *lines[4:],
        ]
    run = list(attempts(Pipeline(Recipe(mode="agentflow", turns=turns), ScriptedChat(lines)), range(1)))
    assert run[0].record is not None
    assert run[0].record.agt == wanted.agt
    assert len(run[0].rejections) == 1


def test_a_model_that_never_writes_a_task_leaves_its_reasons_and_the_run_goes_on() -> None:
    run = list(attempts(Pipeline(Recipe(), ScriptedChat(["no"] * 6)), range(2)))
    found = Statistics.of(run)
    assert (found.asked, found.made, found.proposals, found.reasons) == (2, 0, 6, {"reply": 6})
    assert found.failed == dict.fromkeys(range(2), ("reply: scripted answered with no JSON object",))


def test_a_model_that_cannot_be_asked_ends_the_run_in_a_line() -> None:
    model = ScriptedChat([ModelUnavailable("no server at http://127.0.0.1:9/v1")])
    with pytest.raises(ModelUnavailable, match=r"^no server at http://127"):
        generate("", 2, model=model)
