"""The committee by rules: each reviewer approves of sound tasks and objects to what it is there for."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from practicum.envs.retail.world import open_world
from practicum.training.tasks import TaskRecord, generate
from practicum.training.tasks.committee import Review, RuleCommittee, approval, has_majority

Spoil = Callable[[TaskRecord], TaskRecord]


def made(scenario: str) -> TaskRecord:
    (record,) = generate("", 1, mode="agentflow", scenarios=[scenario], seed=5)
    return record


def objections(record: TaskRecord) -> dict[str, str]:
    reviews = RuleCommittee(open_world(), 5).review(record)
    assert [review.reviewer for review in reviews] == ["story", "match", "plan", "policy", "clarity"]
    return {review.reviewer: review.reason for review in reviews if not review.approves}


def with_last(record: TaskRecord, **arguments: Any) -> TaskRecord:
    """The record, other arguments in its last call."""
    *calls, last = deepcopy(record.agt)
    return replace(record, agt=(*calls, {**last, "arguments": {**last["arguments"], **arguments}}))


def silent_about_the_order(record: TaskRecord) -> TaskRecord:
    return replace(record, q=record.q.replace(record.agt[-1]["arguments"]["order_id"], "my last one"))


def silent_about_who_calls(record: TaskRecord) -> TaskRecord:
    return replace(record, q=record.q.partition("I would like")[2])


def naming_an_item_by_its_id(record: TaskRecord) -> TaskRecord:
    return replace(record, q=f"{record.q} It is item {record.agt[-1]['arguments']['item_ids'][0]}.")


def silent_about_options(record: TaskRecord) -> TaskRecord:
    return replace(record, q=record.q.partition("Instead")[0])


def asking_for_another_way_to_pay(record: TaskRecord) -> TaskRecord:
    wishes = deepcopy(record.metadata["customer"]["wishes"])
    wishes[0]["ids"] = []
    return replace(
        record, metadata={**record.metadata, "customer": {**record.metadata["customer"], "wishes": wishes}}
    )


def calling_twice(record: TaskRecord) -> TaskRecord:
    return replace(record, agt=(record.agt[0], record.agt[0], *record.agt[1:]))


def changing_what_was_not_shown(record: TaskRecord) -> TaskRecord:
    return replace(record, agt=(record.agt[0], record.agt[-1]))


def not_asking_who_calls(record: TaskRecord) -> TaskRecord:
    return replace(record, agt=record.agt[1:])


def returning_from_an_order_twice(record: TaskRecord) -> TaskRecord:
    again = with_last(record, item_ids=record.agt[-1]["arguments"]["item_ids"] * 2).agt[-1]
    return replace(record, agt=(*record.agt, again))


def without_end(record: TaskRecord) -> TaskRecord:
    orders = list(open_world().orders)[:50]
    looks = tuple({"name": "get_order_details", "arguments": {"order_id": each}} for each in orders)
    return replace(record, agt=(record.agt[0], *looks, *record.agt[1:]))


@pytest.mark.parametrize(
    ("scenario", "spoil", "reviewer", "reason"),
    [
        ("order_cancellation", silent_about_the_order, "story", "which cancel_pending_order needs"),
        ("order_cancellation", silent_about_who_calls, "story", ", which find_user_id_by_"),
        ("item_return", naming_an_item_by_its_id, "story", "an id of the shop's own"),
        (
            "payment_update",
            asking_for_another_way_to_pay,
            "match",
            "does not say yes to modify_pending_order_p",
        ),
        ("order_inquiry", without_end, "match", "the plan was followed for 50 steps, and the visit did not"),
        ("address_change", calling_twice, "plan", "is called twice with the same arguments"),
        ("order_modification", changing_what_was_not_shown, "plan", "which was not looked at"),
        ("item_return", not_asking_who_calls, "policy", "before it is known who the customer is"),
        ("item_return", returning_from_an_order_twice, "policy", "are changed 2 times"),
        ("order_inquiry", without_end, "policy", "gold calls; a visit has room for 15"),
        ("item_exchange", silent_about_options, "clarity", "fits several items"),
    ],
)
def test_a_reviewer_objects_to_what_it_is_there_for(
    scenario: str, spoil: Spoil, reviewer: str, reason: str
) -> None:
    sound = made(scenario)
    assert objections(sound) == {}
    assert reason in objections(spoil(sound))[reviewer]


def test_a_smaller_committee_is_the_first_reviewers() -> None:
    reviews = RuleCommittee(open_world(), 2).review(silent_about_the_order(made("order_cancellation")))
    assert [(review.reviewer, review.approves) for review in reviews] == [("story", False), ("match", True)]


@pytest.mark.parametrize(
    ("votes", "share", "passes"),
    [([True], 1, True), ([True, False], 0.5, False), ([True, True, False], 2 / 3, True), ([False], 0, False)],
)
def test_more_than_half_is_a_majority(votes: list[bool], share: float, passes: bool) -> None:
    reviews = [Review("story", vote) for vote in votes]
    assert (approval(reviews), has_majority(reviews)) == (share, passes)
