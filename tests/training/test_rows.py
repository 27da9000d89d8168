"""Rows: what was played as examples: as the agent saw it, without its secrets, nothing of an evaluation."""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from practicum.envs import Episode, find
from practicum.envs.errors import UsageError
from practicum.envs.probing import leaks, public_words
from practicum.envs.registry import environments
from practicum.memory import Log, SessionRecorder, Sessions, SessionStart, Store
from practicum.memory.fork import fork
from practicum.training.agents import Decision, Tool
from practicum.training.datasets import Query, rows
from practicum.training.rollouts import SkillShelf, Stage, roll_out
from practicum.training.transcripts import (
    answer_message,
    call_message,
    opening_messages,
    run_text,
    tool_schemas,
)
from tests.mcp_server.clients import PARCELS
from tests.skills.flights import CANCEL, LOOK
from tests.training.played import Says, play, steps_of, store, tasks_of
from tests.training.test_rollouts import published

__all__ = ["store"]

WORLDS = [env.env_id() for env in environments()[0]]
SHORT = settings(max_examples=20, deadline=None)


def only(store: Store, **query):
    (row,) = rows(store, Query(**query))
    return row


# As the agent saw it ----------------------------------------------------------------------------------


def test_a_row_holds_word_for_word_what_an_agent_is_shown_in_play(store):
    (session,) = play(store, PARCELS)
    env = find(PARCELS)()
    (task,) = tasks_of(PARCELS)
    opening = Episode(env, task).opening
    expected = opening_messages(task.instruction, opening.text)
    for number, step in enumerate(steps_of(store, session), 1):
        text = f"Error: {step.error}" if step.error else env.render_text(step.result)
        expected += [call_message(number, step.tool, step.arguments, step.thought or "")]
        expected += [answer_message(number, step.tool, text)]
    row = only(store)
    assert list(row.messages) == expected
    assert row.opening == len(opening_messages(task.instruction, opening.text))


def test_a_refused_call_is_answered_with_the_worlds_words(store):
    look = [Decision("store", {"parcel": "nobody", "locker": "nowhere"}, "Perhaps."), Decision("look")]
    (session,) = play(store, PARCELS, agent=look, max_steps=2)
    row = only(store)
    call, answer = row.messages[row.opening : row.opening + 2]
    assert call["content"] == "Perhaps."
    assert answer["content"] == f"Error: {steps_of(store, session)[0].error}"


def test_the_tools_of_the_world_stand_in_a_row_as_chat_templates_take_them(store):
    play(store)
    actions = find("flight").actions.values()
    assert list(only(store).tools) == tool_schemas(Tool.of(action) for action in actions)


def test_a_row_says_where_it_came_from_and_what_each_call_earned(store):
    (session,) = play(store)
    row, steps = only(store), steps_of(store, session)
    (task,) = tasks_of("flight")
    assert (row.session, row.task_hash, row.split, row.env) == (session, task.hash, "train", "flight-v1")
    assert row.success is True
    assert row.turns == tuple(step.turn for step in steps)
    assert row.terms == tuple(step.terms for step in steps)
    assert row.total_reward == pytest.approx(sum(step.reward for step in steps))
    assert row.weights == (1.0,) * len(steps)


def test_the_system_message_can_be_ones_own_around_the_instruction_or_in_its_place(store):
    play(store)
    plain = only(store).messages[0]["content"]
    around = only(store, system="You book flights.\n{instruction}").messages[0]["content"]
    assert around == f"You book flights.\n{plain}"
    assert only(store, system="Be brief.").messages[0]["content"] == "Be brief."
    assert [message["role"] for message in only(store, system="").messages[:2]] == ["user", "assistant"]


def test_an_instruction_that_is_the_opening_is_not_said_twice():
    assert opening_messages("Do it.", "Do it.") == [{"role": "user", "content": "Do it."}]


def _unseen(store, task, found_by):
    """A session whose log does not know what was shown first."""
    log = Log(store)
    log.start(SessionStart(id="a" * 32, env=found_by, task=task))
    Episode(find("flight")(), task, recorder=SessionRecorder(log, "a" * 32)).act("abort")
    log.close("a" * 32, "closed")
    return only(store).messages


def test_what_was_shown_first_is_made_anew_where_the_log_does_not_know_it(store):
    (task,) = tasks_of("flight")
    opening = Episode(find("flight")(), task).opening.text
    assert _unseen(store, task, "flight-v1")[1] == {"role": "user", "content": opening}


def test_of_a_world_that_is_gone_the_instruction_stands_alone(store):
    (task,) = tasks_of("flight", card_token="none")
    shown = _unseen(store, task, "gone-v1")
    assert shown[0] == {"role": "user", "content": task.instruction}
    assert json.loads(shown[2]["content"])["view"] == "search_results"


# Skills -----------------------------------------------------------------------------------------------


def test_a_run_of_a_skill_is_one_call_and_its_answer(store):
    published(store, CANCEL)
    (task,) = tasks_of("flight", kind="cancel", feasible=True)
    booking = Episode(find("flight")(), task).opening.observation["booking"]["id"]
    run = [Decision(CANCEL.name, {"booking_id": booking}, "It can be cancelled.")]
    (session,) = play(store, tasks=[task], agent=run, with_skills=True)
    row, (step,) = only(store), steps_of(store, session)
    call, answer = row.messages[row.opening :]
    assert call == call_message(1, CANCEL.name, {"booking_id": booking})
    assert answer["content"] == f"{CANCEL.name} finished, calls: 1\n{find('flight').render_text(step.result)}"
    assert row.toolset.names == (*find("flight").actions, CANCEL.name)
    assert row.terms == (step.terms,)


def test_a_skill_that_stops_tells_what_it_has_done_and_the_agent_goes_on(store):
    published(store, LOOK)
    tasks = tasks_of("flight", kind="book", difficulty=0.8)
    agent = [Decision(LOOK.name), Decision("abort")]
    (session,) = play(store, tasks=tasks, agent=agent, with_skills=True)
    row, steps = only(store), steps_of(store, session)
    inner = [step for step in steps if step.via_skill]
    lines = row.messages[row.opening + 1]["content"].splitlines()
    assert len(inner) > 1
    assert lines[0].startswith(f"{LOOK.name} stopped, refused: ")
    assert [line.split()[1] for line in lines[1 : 1 + len(inner)]] == [step.tool for step in inner]
    assert row.turns == (1, len(inner) + 1)
    assert row.calls == 2


class Listens(Says):
    """Reads text, and keeps the messages that it would learn from."""

    reads_text = True

    def begin(self, instruction, observation, tools=()):
        self.messages = opening_messages(instruction, observation)

    def decide(self, result, error=None):
        made = sum(message["role"] == "assistant" for message in self.messages)
        if made:
            text = f"Error: {error}" if error is not None else result
            self.messages.append(answer_message(made, self.last.tool, text))
        self.last = super().decide(result, error)
        arguments, thought = self.last.arguments, self.last.thought
        self.messages.append(call_message(made + 1, self.last.tool, arguments, thought))
        return self.last


def test_an_agent_that_reads_text_meets_in_play_what_it_learns_from_rows(store):
    published(store, LOOK)
    (task,) = tasks_of("flight", kind="book", difficulty=0.8)
    calls = [
        Decision(LOOK.name),
        Decision("add_to_cart", {"flight_id": "XX1"}, "This one."),
        Decision("abort"),
    ]
    agent = Listens(calls)
    stage = Stage(env=find("flight"), place="flight-v1", log=Log(store), skills=SkillShelf.of(store))
    roll_out(stage, task, agent, "listens")
    assert list(only(store).messages[1:-1]) == agent.messages[1:]
    assert _without_token(only(store).messages[0]) == _without_token(agent.messages[0])


def _without_token(message):
    return re.sub(r"tok_\d+", "", message["content"])


def test_a_skill_that_nobody_had_is_no_tool_of_the_row(store):
    play(store)
    published(store, CANCEL)
    assert only(store).toolset.names == tuple(find("flight").actions)


def test_a_run_without_a_call_tells_why_and_nothing_more():
    finish = {"stop": {"reason": "precondition", "detail": "no booking", "remaining": ("cancel_booking",)}}
    assert (
        run_text("skill_x", finish, []) == "skill_x stopped, precondition: no booking\nto do cancel_booking"
    )


# Which sessions ---------------------------------------------------------------------------------------


def test_filters_leave_out_what_is_not_asked_for(store):
    good = play(store, tasks=tasks_of("flight", count=3))
    bad = play(store, tasks=tasks_of("flight", count=3), agent=[Decision("abort")], client="somebody")
    other = play(store, PARCELS)

    def asked(**query):
        return [row.session for row in rows(store, Query(**query))]

    assert asked() == [*good, *bad, *other]
    assert asked(env="flight", limit=2) == good[:2]
    assert asked(env="parcels-v1") == other
    assert asked(agent="SomeBody") == bad
    assert set(asked(success=True, env="flight")) >= set(good)
    assert asked(success=False) == [s for s in bad if not _succeeded(store, s)]
    assert set(asked(min_return=0.5)) >= {*good}
    assert asked(since=4e9) == []
    assert asked(principal="nobody") == []
    assert asked(purposes=("import",)) == []


def _succeeded(store, session):
    return Sessions(store).get(session, None).success


def test_sessions_that_have_not_ended_are_no_rows(store):
    (session,) = play(store, PARCELS)
    play(store, "flight", agent=[Decision("search_flights")], max_steps=1)
    Log(store).start(replace(_start_of(store, session), id="0" * 32))
    assert len(list(rows(store))) == 2


def _start_of(store, session):
    found = Sessions(store).get(session, None)
    return SessionStart(**{name: getattr(found, name) for name in SessionStart.__dataclass_fields__})


def test_sessions_that_went_alike_are_one_row_unless_repeats_are_asked_for(store):
    play(store)
    play(store)
    assert len(list(rows(store))) == 1
    assert len(list(rows(store, Query(repeats=True)))) == 2


def test_what_ended_later_than_asked_for_is_left_out(store):
    play(store)
    asked = Query().pinned(1)
    play(store, tasks=tasks_of("flight", count=3)[1:])
    assert len(list(rows(store, asked))) == 1


@pytest.mark.parametrize("purpose", ["evaluation", "verification", "nonsense"])
def test_a_purpose_that_rows_are_not_made_of_cannot_be_asked_for(purpose):
    with pytest.raises(UsageError, match=f"{purpose}.*practice, import"):
        Query(purposes=(purpose,))


played_for = st.tuples(
    st.sampled_from(["practice", "evaluation", "verification", "import"]),
    st.sampled_from(["train", "verify", "test"]),
    st.sampled_from([None, "practice", "import", "evaluation"]),
)


@SHORT
@given(st.lists(played_for, min_size=1, max_size=6), st.sampled_from(["train", "verify", "test"]))
def test_no_row_is_of_an_evaluation_or_a_verification_nor_of_another_split(sessions, split):
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Path(folder) / "practicum.db")
        try:
            allowed = {session for each in sessions for session in _played(store, *each, wanted=split)}
            found = list(rows(store, Query(splits=(split,), repeats=True)))
        finally:
            store.close()
    assert {row.session for row in found} == allowed
    assert {row.split for row in found} <= {split}


def _played(store, purpose, split, forked_for, *, wanted):
    """Plays a session and perhaps a fork of it; returns those that may be learned from."""
    tasks = tasks_of(PARCELS, split)
    (session,) = play(store, PARCELS, tasks=tasks, purpose=purpose, agent=[Decision("look")], max_steps=1)
    is_wanted = split == wanted and purpose in ("practice", "import")
    allowed = [session] if is_wanted else []
    if forked_for is not None:
        forked = fork(Log(store), Sessions(store), session, 1, "local", purpose=forked_for)
        Log(store).close(forked, "closed")
        allowed += [forked] if is_wanted and forked_for != "evaluation" else []
    return allowed


# Secrets ----------------------------------------------------------------------------------------------


def test_a_card_token_has_the_same_stand_in_wherever_it_stood(store):
    tasks = tasks_of("flight", count=6, kind="book", feasible=True, card_token="tok_5550001112")
    play(store, tasks=tasks)
    entered = 0
    for row in rows(store):
        assert "tok_5550001112" not in row.messages_json
        for message in row.messages:
            for call in message.get("tool_calls", ()):
                if call["function"]["name"] == "enter_card":
                    entered += 1
                    stand_in = call["function"]["arguments"]["card_token"]
                    assert stand_in.startswith("tok_")
                    assert len(stand_in) == len("tok_5550001112")
                    assert f"The card token is {stand_in}." in row.messages[0]["content"]
    assert entered >= 6


CANARY = "heron-quartz-7193"


@SHORT
@given(st.integers(0, 400), st.data())
def test_no_secret_of_a_task_stands_in_a_row(seed, data):
    env_name = data.draw(st.sampled_from(WORLDS))
    env = find(env_name)
    task = next(iter(env.tasks(seed).split("train")))
    task = replace(task, secret={**task.secret, **_canaries(task.secret)})
    if task.split != "train":
        return
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Path(folder) / "practicum.db")
        try:
            play(store, env_name, tasks=[task], agent="random", seed=seed, max_steps=12)
            (row,) = rows(store)
        finally:
            store.close()
    assert CANARY not in row.messages_json
    public = frozenset(word for action in env.actions.values() for word in public_words(action))
    hidden = {key: value for key, value in task.secret.items() if key not in env.told_in_play}
    assert not list(leaks(hidden, json.loads(row.messages_json), public))


def _canaries(secret):
    """Marks in what only the world and the judge read: the wording of the wish, what must be said, more."""
    return {"instruction": f"Say {CANARY}.", "note": [CANARY]} | (
        {"outputs": [*secret["outputs"], CANARY]} if "outputs" in secret else {}
    )


def test_the_gold_plan_and_the_customers_script_stand_in_no_row_before_the_customer_speaks(store):
    (task,) = tasks_of("retail")
    play(store, "retail", tasks=[task], agent=[Decision("calculate", {"expression": "1 + 1"})], max_steps=1)
    shown = only(store).messages_json
    gold = [str(v) for c in task.secret["actions"] for v in c["arguments"].values() if len(str(v)) > 6]
    wishes = json.dumps(task.secret["customer"]["wishes"])
    assert not [value for value in gold if value in shown]
    assert task.secret["instruction"] not in shown
    assert wishes not in shown
