"""The interpreter: total on any program, and in every session no more than an agent with the same calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from practicum.envs import Episode, ListRecorder, Step, Task, ToolCall
from practicum.memory.replay import world_sha256
from practicum.skills.check import DEEPEST
from practicum.skills.forms import LONGEST_TEXT
from practicum.skills.interpreter import (
    MOST_ALIKE,
    MOST_ROUNDS,
    REASONS,
    Finish,
    Run,
    Situation,
    applies,
    known_in,
    play,
    run,
)
from practicum.skills.language import Skill
from tests.memory.steps import a_step
from tests.skills.programs import JSON, as_it_is, mutants, skills
from tests.skills.stall_env import Stall
from tests.skills.stall_skills import BUY, SEARCH, call, last, param, skill, status_is

ALWAYS = {"on": {"const": True}, "yes": [True], "no": []}
TASK = Stall.make_task(3)
unhurried = settings(
    max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
ANY = st.one_of(mutants().map(as_it_is), skills(), JSON.map(lambda node: loose({"body": node})))


def loose(record: Any) -> Skill:
    """A skill of a record that nobody checked, and that may be no object at all."""
    return as_it_is(record if isinstance(record, dict) else {"body": record})


def played(program: Skill, task: Task = TASK, arguments: Any = None) -> tuple[Finish, ListRecorder, Episode]:
    """What came of a program, all its steps, and the episode."""
    recorder = ListRecorder()
    episode = Episode(Stall(), task, recorder=recorder)
    return play(program, episode, arguments), recorder, episode


def stop_of(*body: Any, **fields: Any) -> tuple[str, str]:
    """Why and where a program of these statements stops."""
    finish, _, _ = played(replace(as_it_is({"body": body}), **fields))
    assert finish.stop is not None
    return finish.stop.reason, finish.stop.where


def driven(running: Run, answer: Callable[[ToolCall], Step]) -> Finish:
    """What comes of a run whose calls are answered so."""
    try:
        asked = next(running)
        while True:
            asked = running.send(answer(asked))
    except StopIteration as end:
        finish: Finish = end.value
        return finish


class Watching(ListRecorder):
    """Keeps what the world was after each step."""

    episode: Episode

    def __init__(self) -> None:
        super().__init__()
        self.worlds: list[str] = []

    def record(self, step: Step) -> None:
        super().record(step)
        self.worlds.append(world_sha256(self.episode.env))


# Any program ------------------------------------------------------------------------------------------


@unhurried
@given(ANY, st.dictionaries(st.sampled_from(["fruit", "budget", "job"]), JSON, max_size=2))
def test_no_program_makes_it_raise_or_go_on_for_ever(program, arguments):
    finish, recorder, _ = played(program, arguments=arguments)
    assert finish.calls == len(recorder.steps) <= program.max_calls
    assert finish.stop is None or finish.stop.reason in REASONS
    assert isinstance(applies(program, arguments), bool)


@unhurried
@given(mutants().map(as_it_is) | skills(), st.lists(JSON, max_size=6), st.booleans())
def test_whatever_a_world_answers_it_comes_to_an_end(program, answers, refusing):
    made: list[Step] = []

    def answer(asked: ToolCall) -> Step:
        error = "no" if refusing and len(made) % 3 == 2 else None
        result = answers[len(made) % len(answers)] if answers else None
        told = {"result": result, "error": error}
        made.append(a_step(len(made) + 1, tool=asked.tool, arguments=asked.arguments, **told))
        return made[-1]

    finish = driven(run(program, {}, Situation(TASK.params, answers)), answer)
    assert finish.calls == len(made) <= program.max_calls


def nested(what: str, depth: int) -> list[Any]:
    """Loops in each other, of which the innermost does nothing."""
    body: list[Any] = []
    for number in range(depth):
        more = {"again": ALWAYS} if what == "retry" else {"over": {"const": list(range(100))}}
        body = [{"do": what, "id": f"l{number}", "body": body, **more}]
    return body


def deep(key: str, depth: int) -> Any:
    expr: Any = {"const": 1}
    for _ in range(depth):
        expr = {key: [expr, expr]} if key == "list" and depth < 20 else {key: "string", "of": expr}
    return expr


HUGE = {"const": list(range(5_000))}
TWICE = {"fmt": "{0}{0}" * 900, "of": [{"fmt": "{0}{0}" * 900, "of": [{"const": "x" * 4000}]}]}


@pytest.mark.parametrize(
    "body",
    [
        nested("retry", 3),
        nested("retry", DEEPEST - 1),
        nested("foreach", 4),
        nested("foreach", 2_000),
        [{"do": "foreach", "id": "a", "over": HUGE, "body": [
            {"do": "foreach", "id": "b", "over": HUGE, "body": []}]}],
        [{"do": "retry", "id": "r", "again": ALWAYS, "body": [
            {"do": "select", "id": "s", "from": HUGE, "where": [{"in": [{"const": -1}, HUGE]}]}]}],
        [call("a", "search", fruit=deep("cast", 50_000))],
        [call("a", "search", fruit=deep("list", 18))],
        [call("a", "search", fruit={"field": "a", "form": "{a}[{a}]{b}", "of": {"const": "x" * 4000}})],
        [{"do": "retry", "id": "r", "again": ALWAYS, "body": [call("a", "search", fruit=param("fruit"))]}],
        [{"do": "if", "cond": deep("cast", 50_000), "then": []}],
        [{"do": "select", "id": ["no", "name"], "from": HUGE}],
        [{"do": "call", "id": {}, "tool": [], "args": {}}],
    ],
)  # fmt: skip
def test_what_would_take_for_ever_or_all_of_the_stack_is_stopped(body):
    finish, _, _ = played(as_it_is({"body": body}))
    assert finish.stop is not None
    assert finish.stop.reason in ("budget", "missing", "malformed", "guard", "refused")


def test_texts_that_are_put_together_do_not_grow_beyond_measure():
    _, recorder, _ = played(as_it_is({"body": [call("a", "search", fruit=TWICE)]}))
    assert len(recorder.steps[0].arguments["fruit"]) == LONGEST_TEXT


def test_a_round_that_leads_nowhere_is_made_a_few_times_and_no_more():
    look = {"do": "retry", "id": "r", "again": ALWAYS, "body": [SEARCH]}
    assert stop_of(look) == ("budget", "found")
    assert played(skill(look))[0].calls == MOST_ALIKE
    idle = {"do": "retry", "id": "r", "again": ALWAYS, "body": []}
    assert stop_of(idle) == ("budget", "r")
    assert MOST_ROUNDS >= 1000
    assert stop_of({**idle, "max": 2}) == ("budget", "r")


# Stops ------------------------------------------------------------------------------------------------


def test_a_value_that_no_guard_knows_stops_the_program_at_the_guard():
    yes_or_no = {"do": "if", "cond": status_is(["paid"], ["reserved"]), "then": [call("p", "pay")]}
    assert stop_of(SEARCH, yes_or_no) == ("guard", "if")
    assert stop_of(SEARCH, {"do": "switch", "on": last("/status"), "cases": []}) == ("guard", "switch")
    nothing = {"on": last("/nowhere"), "yes": [None], "no": [False]}
    assert stop_of(SEARCH, {"do": "if", "cond": nothing, "then": []}) == ("guard", "if")
    number = {"on": {"const": 1}, "yes": [True], "no": [False]}
    assert stop_of({"do": "if", "cond": number, "then": []}) == ("guard", "if")


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        (call("a", "search", fruit=last("/nowhere")), "missing"),
        (call("a", "search"), "refused"),
        (call("a", "search", fruit={"const": 5}), "refused"),
        (call("a", "search", fruit={"const": "apples"}, budget={"const": 1}), "refused"),
        (call("a", "unheard_of"), "refused"),
        (call("a", "pay"), "refused"),
        ({**SEARCH, "id": "a", "expect": [{"eq": [last("/status"), {"const": "paid"}]}]}, "expectation"),
    ],
)
def test_a_call_that_cannot_be_made_or_is_not_what_was_expected_stops_the_program(statement, reason):
    finish, recorder, _ = played(skill(statement, call("b", "give_up")))
    assert finish.stop is not None
    assert (finish.stop.reason, finish.stop.where) == (reason, "a")
    assert "give_up" in finish.stop.remaining
    assert finish.calls == len(recorder.steps)


def test_preconditions_come_before_the_first_call_and_postconditions_after_the_last():
    never = ({"eq": [{"const": 1}, {"const": 2}]},)
    finish, _, _ = played(skill(SEARCH, pre=never))
    assert (finish.calls, finish.stop and finish.stop.reason) == (0, "precondition")
    finish, _, _ = played(replace(skill(SEARCH), post=never))
    assert (finish.calls, finish.stop and finish.stop.reason) == (1, "expectation")
    assert not applies(skill(SEARCH, pre=never), TASK.params)


def test_a_refusal_that_may_be_is_gone_on_from():
    body = ({**call("a", "pay"), "may_refuse": True}, call("b", "give_up"))
    finish, recorder, _ = played(skill(*body))
    assert finish.finished
    assert [step.refused for step in recorder.steps] == [True, False]


def test_a_loop_over_a_list_makes_a_round_for_each_element_in_its_order():
    over = {"column": "id", "of": last("/offers")}
    each = {
        "do": "foreach",
        "id": "o",
        "over": over,
        "body": [call("r", "reserve", offer={"row": "o", "path": ""})],
    }
    finish, recorder, _ = played(skill(SEARCH, each))
    shown = [offer["id"] for offer in recorder.steps[0].result["offers"]]
    assert [step.arguments["offer"] for step in recorder.steps[1:]] == shown
    assert finish.finished
    assert stop_of(SEARCH, {**each, "max": 2}) == ("budget", "o")
    assert stop_of({**each, "over": {"param": "fruit"}}) == ("missing", "o")


# Invariant 8: a skill's calls are an agent's ------------------------------------------------------------


def own(program: Skill) -> Skill:
    return replace(program, name="skill_any")


@unhurried
@given(mutants().map(as_it_is) | skills() | st.just(BUY), st.integers(0, 30), st.integers(1, 6))
def test_a_skill_does_what_an_agent_does_by_the_same_calls(program, seed, limit):
    task = replace(Stall.make_task(seed), step_limit=limit)
    finish, recorder, episode = played(own(program), task)
    steps = recorder.steps
    assert [step.turn for step in steps] == list(range(1, finish.calls + 1))
    assert {step.via_skill for step in steps} <= {"skill_any"}
    assert len(steps) <= limit
    assert all(not step.done for step in steps[:-1])
    by_hand = Episode(Stall(), task)
    for step in steps:
        assert replace(by_hand.act(step.tool, step.arguments), via_skill="skill_any") == step
    assert world_sha256(by_hand.env) == world_sha256(episode.env)
    assert by_hand.total_reward == episode.total_reward


@unhurried
@given(mutants().map(as_it_is) | skills(), st.integers(0, 20))
def test_a_refused_or_reading_call_of_a_skill_leaves_the_world_as_it_was(program, seed):
    watching = Watching()
    episode = watching.episode = Episode(Stall(), Stall.make_task(seed), recorder=watching)
    begun = world_sha256(episode.env)
    play(program, episode)
    for step, before, after in zip(watching.steps, [begun, *watching.worlds], watching.worlds, strict=False):
        assert not (step.refused or step.read_only) or after == before


def test_a_session_that_ends_under_a_skill_stops_it_and_the_limit_holds():
    task = replace(Stall.make_task(3), step_limit=1)
    finish, recorder, _ = played(skill(SEARCH, call("b", "give_up")), task)
    assert recorder.steps[-1].truncated
    assert (finish.calls, finish.stop and finish.stop.reason) == (1, "over")
    _, _, over = played(skill(call("a", "give_up"), pre=()))
    again = play(skill(call("a", "search", fruit=param("fruit")), pre=()), over)
    assert (again.calls, again.stop and again.stop.reason) == (0, "over")


def test_what_is_given_goes_before_what_the_task_says_and_null_means_the_task():
    situation = Situation({"fruit": "pears", "budget": 9})
    assert known_in(BUY, {"fruit": "plums", "budget": None}, situation).params == {
        "fruit": "plums",
        "budget": 9,
    }
