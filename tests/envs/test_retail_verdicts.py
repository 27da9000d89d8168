"""How visits to the desk are judged: by the records in the end, by what was said, by whom it concerned."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from practicum.envs import Episode, Task, UsageError
from practicum.envs.retail.desk import Desk
from practicum.envs.retail.env import RetailEnv
from practicum.envs.retail.generate import generate_world
from practicum.envs.retail.verdicts import gold_desk, is_said
from practicum.envs.retail.world import World, open_world


def _end(task: Task, *, without: int | None = None, said: str = "", tool: str = "") -> dict[str, Any]:
    """Carry out the plan but for one call, say something, and hand the customer over."""
    episode = Episode(RetailEnv(), task)
    for place, call in enumerate(task.secret["actions"]):
        if place != without:
            episode.act(call["name"], call["arguments"])
    if said:
        episode.act("respond", {"message": said})
    step = episode.last if episode.over else episode.act("transfer_to_human_agents", {"summary": tool})
    assert step is not None
    assert step.outcome is not None
    return dict(step.outcome)


def test_a_plan_without_its_change_is_no_success() -> None:
    for seed in range(6):
        task = RetailEnv.make_task(seed)
        assert _end(task)["success"]
        last = len(task.secret["actions"]) - 1
        outcome = _end(task, without=last)
        assert (outcome["success"], outcome["database"]) == (False, False)


def test_a_required_output_must_be_said() -> None:
    task = RetailEnv.make_task(0, scenario="order_inquiry")
    (output,) = task.secret["outputs"]
    assert not _end(task)["outputs"]
    assert _end(task, said=f"It is {output}.")["success"]


@pytest.mark.parametrize(
    "secret",
    [
        {"actions": [{"name": "think"}]},
        {"actions": ["steal"]},
        {"actions": [{"name": 1, "arguments": {}}]},
        {"outputs": [10]},
    ],
)
def test_a_task_that_cannot_be_judged_does_not_begin_and_its_secret_is_not_told(secret: Any) -> None:
    with pytest.raises(UsageError, match=r"gold call 1 of the task|a required output of the task") as refused:
        Episode(RetailEnv(), Task("retail", 1, 0, secret=secret))
    assert "steal" not in str(refused.value)


def test_gold_calls_of_any_kind_are_judged_by() -> None:
    calls: list[Any] = [
        {"name": "find_user_id_by_email", "arguments": {"email": 5}},
        {"name": "cancel_pending_order", "arguments": {"order_id": ["#W1"], "reason": None}},
        {"name": "return_delivered_order_items", "arguments": {"order_id": "#W1"}},
        {"name": "nothing", "arguments": {"a": 1}},
    ]
    assert gold_desk(open_world(), calls).differs_from(Desk(open_world())) == []


def test_a_gold_call_that_is_refused_half_way_changes_nothing() -> None:
    world = generate_world(1, users=40, orders=120)
    order = next(o for o in world["orders"].values() if o["status"] == "pending")
    methods = world["users"][order["user_id"]]["payment_methods"]
    methods["gift_card_1"] = {"source": "gift_card", "id": "gift_card_1", "balance": 1.0}
    paid = order["payment_history"][0]
    order["payment_history"] = [{**paid, "payment_method_id": key} for key in ("gift_card_1", "gift_card_0")]
    shop = World(world["users"], world["orders"], world["products"], "")
    plan = [
        {
            "name": "cancel_pending_order",
            "arguments": {"order_id": order["order_id"], "reason": "no longer needed"},
        }
    ]
    assert gold_desk(shop, plan).differs_from(Desk(shop)) == []


def test_an_unfinished_visit_is_no_success() -> None:
    task = replace(RetailEnv.make_task(0), step_limit=3)
    episode = Episode(RetailEnv(), task)
    for call in task.secret["actions"]:
        step = episode.act(call["name"], call["arguments"])
    assert step.truncated
    assert step.outcome is not None
    assert (step.outcome["success"], step.outcome["database"]) == (False, True)


def test_serving_somebody_else_and_a_needless_transfer_are_violations() -> None:
    task = RetailEnv.make_task(0)
    other = next(task for task in map(RetailEnv.make_task, range(8, 80, 8)))
    episode = Episode(RetailEnv(), task)
    change = other.secret["actions"][-1]
    episode.act(change["name"], change["arguments"])
    step = episode.act("transfer_to_human_agents", {"summary": "no idea"})
    assert step.outcome is not None
    assert step.outcome["violations"] == ["other_customer", "needless_transfer"]
    assert step.terms["violation"] == pytest.approx(-0.6)


@pytest.mark.parametrize(
    ("output", "message", "told"),
    [
        ("946.7", "The total is $946.70.", True),
        ("1946.7", "That makes 1,946.70 in all", True),
        ("10", "There are 10.", True),
        ("10", "There are 100 of 2010.", False),
        ("10", "It takes 5-10 days.", True),
        ("-10", "It is -10 dollars.", True),
        ("9007199254740993", "It is 9007199254740992.", False),
        ("pending", "It is Pending.", True),
        ("delivered", "It is pending.", False),
        ("823809081811", "The tracking id is 823809081811, thank you.", True),
    ],
)
def test_an_output_counts_as_said_by_value(output: str, message: str, told: bool) -> None:
    assert is_said(output, ["Hello.", message]) is told
