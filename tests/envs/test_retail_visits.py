"""Visits to the desk: scripted customers and others, tasks of every scenario, and the judge."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from practicum.envs import Episode, ListRecorder, Task, UsageError
from practicum.envs.check import check
from practicum.envs.outside import ReplayedOutside
from practicum.envs.retail import customers
from practicum.envs.retail.customers import ScriptedCustomer, register_customer
from practicum.envs.retail.desk import Desk
from practicum.envs.retail.env import LEFT, RetailEnv
from practicum.envs.retail.scenarios import SCENARIOS, scenario_of
from practicum.envs.retail.verdicts import gold_desk
from practicum.envs.retail.visits import Mood
from practicum.envs.retail.world import open_world
from practicum.training.agents.playing import play_episode
from practicum.training.agents.retail_oracle import oracle_agent

SEEDS = range(80)
WHO = "May I have your e-mail address?"
SCRIPT = {
    "name": "Ada Keller",
    "knows": "My name is Ada Keller and my email is ada@example.com.",
    "wishes": [
        {
            "wish": "I would like to cancel an order.",
            "facts": {"order": "It is order #W1.", "reason": "It is no longer needed."},
            "ids": ["#W1", "no longer needed"],
            "first": {"reason": "It was ordered by mistake."},
            "change": "Wait, it is no longer needed.",
        },
        {
            "wish": "What does the cheapest Mirror cost?",
            "facts": {},
            "ids": [],
            "outputs": ["71.50"],
        },
    ],
}


@pytest.fixture
def customer() -> ScriptedCustomer:
    return ScriptedCustomer(SCRIPT, Mood())


def test_a_customer_says_what_they_are_asked_and_no_more(customer: ScriptedCustomer) -> None:
    assert customer.opening() == "Hello, this is Ada Keller. I would like to cancel an order."
    assert customer.reply(WHO) == "My name is Ada Keller and my email is ada@example.com."
    assert customer.reply("Which order is it?") == "It is order #W1."
    assert customer.reply("And what is the reason?") == "It was ordered by mistake."


def test_a_customer_changes_their_mind_when_a_yes_is_asked_for(customer: ScriptedCustomer) -> None:
    asked = "I cancel #W1, ordered by mistake. Do you confirm?"
    assert customer.reply(asked) == "Wait, it is no longer needed."
    assert customer.reply("I cancel #W1, no longer needed. Do you confirm?") == "Yes, please go ahead."
    assert customer.reply("What was the reason again?") == "It is no longer needed."


@pytest.mark.parametrize("other", ["#W2", "gift_card_1", "1234567890", "ordered by mistake"])
def test_a_customer_refuses_what_they_did_not_ask_for(customer: ScriptedCustomer, other: str) -> None:
    customer.reply("I cancel #W1. Do you confirm?")
    said = customer.reply(f"I cancel #W1 with {other}. Do you confirm?")
    assert said is not None
    assert said.startswith("No, that is not what I want.")
    assert "It is order #W1." in said


MOVE = {
    "name": "Ada Keller",
    "knows": "My name is Ada Keller and my zip code is 10001.",
    "wishes": [
        {
            "wish": "I would like to have an order sent to another address.",
            "facts": {
                "order": "It is order #W1.",
                "address": "It is 12 Lake Avenue, Suite 7, Boston, 02101.",
            },
            "ids": ["#W1", "10001"],
            "address": ["12", "02101"],
        }
    ],
}


@pytest.mark.parametrize(
    ("offered", "agrees"),
    [
        ("#W1 goes to 12 Lake Avenue, Suite 7, Boston, 02101", True),
        ("#W1 goes to address1: 12 Lake Ave; address2: Suite 7; zip: 02101", True),
        ("#W1 goes from 5 Mill Lane, 10001, to 12 Lake Avenue, 02101", True),
        ("the address of #W1 is changed as you say", True),
        ("#W1 goes to 12 Lake Avenue, Suite 7, Boston, 02199", False),
        ("#W1 goes to 21 Lake Avenue, Suite 7, Boston, 02101", False),
        ("#W1 goes to 9 Mill Lane in Boston", False),
        ("#W1 goes to 5 Mill Lane, 10001", False),
        ("#W1 goes to 12 Lake Avenue, 02101, and the bill to 30303", False),
    ],
)
def test_a_customer_agrees_to_their_new_address_and_to_no_other(offered: str, agrees: bool) -> None:
    said = ScriptedCustomer(MOVE, Mood(told=["identity"])).reply(f"{offered}. Do you confirm?")
    assert said is not None
    assert said.startswith("Yes") is agrees
    assert agrees or "It is 12 Lake Avenue, Suite 7, Boston, 02101." in said


def test_a_drawn_customer_refuses_the_address_of_somebody_else() -> None:
    tasks = [RetailEnv.make_task(seed, scenario="address_change") for seed in range(30)]
    for task, other in itertools.pairwise(tasks):
        wanted, others = task.secret["actions"][-1]["arguments"], other.secret["actions"][-1]["arguments"]
        if wanted["zip"] == others["zip"]:
            continue
        customer = ScriptedCustomer(task.secret["customer"], Mood(told=["identity", "order", "address"]))
        place = f"{others['address1']}, {others['city']}, {others['zip']}"
        said = str(customer.reply(f"So you want {place} to be the address. Do you confirm? Yes or no?"))
        assert said.startswith("No, that is not what I want."), (task.id, place, said)


def test_a_customer_goes_on_to_the_next_wish_and_leaves_when_all_is_said(customer: ScriptedCustomer) -> None:
    customer.reply("Which order, and why?")
    assert customer.reply("It has been cancelled.") == (
        "Thank you. One more thing: What does the cheapest Mirror cost?"
    )
    assert customer.reply("It costs $71.5.") is None


def test_a_customer_who_is_not_understood_says_the_rest_and_in_the_end_gives_up(
    customer: ScriptedCustomer,
) -> None:
    said = [customer.reply("Hm.") for _ in range(customers.PATIENCE + 2)]
    assert said[:2] == ["It is order #W1.", "It was ordered by mistake."]
    assert None not in said[:-1]
    assert said[-1] is None


@given(st.lists(st.text(max_size=40) | st.sampled_from([WHO, "Do you confirm #W1?", "Done.", "Why?"])))
def test_equal_words_get_equal_answers(words: list[str]) -> None:
    first, second = ScriptedCustomer(SCRIPT, Mood()), ScriptedCustomer(SCRIPT, Mood())
    assert [first.reply(each) for each in words] == [second.reply(each) for each in words]


# Tasks


def _tasks() -> Iterator[Task]:
    yield from (RetailEnv.make_task(seed) for seed in SEEDS)


def test_the_scenarios_take_turns_and_equal_seeds_give_equal_tasks() -> None:
    drawn = Counter(task.params["scenario"] for task in _tasks())
    assert drawn == dict.fromkeys(SCENARIOS, len(SEEDS) // len(SCENARIOS))
    assert [task.hash for task in _tasks()] == [task.hash for task in _tasks()]


def test_no_two_tasks_have_the_same_plan() -> None:
    plans = Counter(json.dumps(task.secret["actions"]) for task in _tasks())
    assert max(plans.values()) == 1


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_scenario_can_be_asked_for(scenario: Any) -> None:
    task = RetailEnv.make_task(3, scenario=scenario)
    assert task.params == {"scenario": scenario}


def test_a_new_address_is_another_than_before() -> None:
    for seed in range(300):
        task = RetailEnv.make_task(seed, scenario="address_change")
        desk = gold_desk(open_world(), task.secret["actions"])
        assert desk.differs_from(Desk(open_world())), task.id


def test_a_plan_tells_its_scenario() -> None:
    for task in _tasks():
        assert scenario_of(task.secret["actions"]) == task.params["scenario"]


def test_an_unknown_scenario_or_setting_is_refused() -> None:
    with pytest.raises(UsageError, match="setting 'scenario' of retail-v1 is 'theft'"):
        RetailEnv.make_task(0, scenario="theft")  # type: ignore[arg-type]  # on purpose
    with pytest.raises(UsageError, match="no setting 'senario'; did you mean 'scenario'"):
        RetailEnv.make_task(0, senario="item_return")


def test_every_plan_is_carried_out_without_a_refusal() -> None:
    for task in _tasks():
        episode = Episode(RetailEnv(), task)
        for call in task.secret["actions"]:
            step = episode.act(call["name"], call["arguments"])
            assert not step.refused, (task.id, step.error)


@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_the_oracle_serves_every_customer(noise: float) -> None:
    for task in _tasks():
        steps = play_episode(Episode(RetailEnv(), task), oracle_agent(task, seed=task.seed, noise=noise))
        outcome = steps[-1].outcome
        assert outcome is not None
        assert (outcome["success"], outcome["violations"]) == (True, []), task.id
        assert steps[-1].result == LEFT


def test_the_instruction_and_the_opening_keep_the_secret() -> None:
    for task in _tasks():
        shown = task.instruction + json.dumps(task.params)
        assert task.secret["user_id"] not in shown
        assert task.secret["instruction"] not in shown
        opening = str(Episode(RetailEnv(), task).opening.observation)
        assert "#W" not in opening
        assert task.secret["customer"]["knows"] not in opening


def test_the_environment_keeps_its_contract() -> None:
    assert check(RetailEnv, seeds=(0, 5), steps=30) == []


# Customers from elsewhere


class Talker:
    """Says its number of turns, then leaves."""

    def __init__(self, heard: int) -> None:
        self.heard = heard

    def opening(self) -> str:
        return "Hello from elsewhere."

    def reply(self, said: str) -> str | None:
        self.heard += 1
        return f"{self.heard}: {said}" if self.heard < 3 else None


def test_last_words_with_a_farewell_are_told_and_end_the_visit() -> None:
    class Polite(Talker):
        def reply(self, said: str) -> str | None:
            return f"Thank you, bye! {customers.FAREWELL}"

    register_customer("polite", lambda task, conversation: Polite(0))
    episode = Episode(RetailEnv(), RetailEnv.make_task(0, customer="polite"))
    step = episode.act("respond", {"message": "Done."})
    assert (step.result, step.terminated) == ("Thank you, bye! ###STOP###", True)


def test_a_customer_from_elsewhere_is_recorded_and_replayed_without_them() -> None:
    made: list[int] = []

    def make(task: Task, conversation: Any) -> Talker:
        made.append(len(conversation))
        return Talker(sum(who == "agent" for who, _ in conversation))

    register_customer("talker", make)
    task = RetailEnv.make_task(0, customer="talker")
    recorder = ListRecorder()
    env = RetailEnv()
    episode = Episode(env, task, recorder=recorder)
    assert env.blocking
    assert episode.opening.observation == "Hello from elsewhere."
    assert episode.act("respond", {"message": "a"}).result == "1: a"
    again = RetailEnv()
    outside = again.outside = ReplayedOutside(episode.opening.outside)
    replayed = Episode(again, task)
    outside.expect(recorder.steps[0].outside)
    assert replayed.act("respond", {"message": "a"}) == recorder.steps[0]
    assert made == [0]
    again.outside = RetailEnv().outside
    assert replayed.act("respond", {"message": "b"}).result == "2: b"
    assert made == [0, 3]
    assert replayed.act("respond", {"message": "c"}).terminated


def test_an_unknown_customer_is_refused() -> None:
    task = RetailEnv.make_task(0, customer="scripte")
    with pytest.raises(UsageError, match="no customer 'scripte'; did you mean 'scripted'"):
        Episode(RetailEnv(), task)


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.data())
def test_a_customer_who_is_talked_round_in_circles_leaves(seed: int, data: st.DataObject) -> None:
    env = RetailEnv()
    episode = Episode(env, RetailEnv.make_task(seed))
    words = st.sampled_from(["Hm?", WHO, "Do you confirm?", "Which order?", "What address?"])
    while not episode.over:
        episode.act("respond", {"message": data.draw(words)})
    assert env.state.left
