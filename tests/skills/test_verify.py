"""A skill is published for what it does on tasks that it has never seen, and for nothing else."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from practicum.envs import find
from practicum.memory import Log, Sessions, Store, replay
from practicum.skills.adversaries import attacks
from practicum.skills.language import Skill
from practicum.skills.trials import Limits, Verification
from practicum.skills.verify import verify
from tests.skills.flights import CANCEL, GIVE_UP
from tests.skills.stall_env import Fickle, NewStatus, Overcharging, Renamed, Sale, Stall, Waiting
from tests.skills.stall_skills import BUY, PAY, SEARCH, SPENDTHRIFT, TIMID, UNGUARDED, param, reserve, skill

STALL = f"{Path(__file__).parent / 'stall_env.py'}:Stall"


def test_a_skill_that_does_its_job_passes_after_twenty_tasks() -> None:
    found = verify(BUY, Stall)
    assert found.passed, found.reason
    assert (found.hits, found.misses, found.done_but_wrong) == (20, 0, ())
    assert found.e_value == pytest.approx(20.46, abs=0.01)


def test_only_tasks_of_the_verify_split_are_played() -> None:
    played = verify(BUY, Stall).tasks
    made = {task.hash: task.split for task in itertools.islice(Stall.tasks(), 3000)}
    assert {made[each] for each in played if each in made} == {"verify"}
    assert sum(each in made for each in played) > 50


def test_tasks_that_were_seen_already_are_not_fresh() -> None:
    first = verify(BUY, Stall)
    again = verify(BUY, Stall, tasks_already_seen=first.tasks)
    assert again.passed
    assert not first.tasks & again.tasks


def test_a_skill_that_is_done_but_wrong_fails_at_once() -> None:
    found = verify(SPENDTHRIFT, Stall)
    assert not found.passed
    assert len(found.done_but_wrong) == 1
    assert found.trials[-1].verdict == "wrong"
    assert "done but wrong" in found.reason


def test_a_skill_that_stops_too_often_is_given_up_before_all_tasks_are_played() -> None:
    found = verify(TIMID, Stall, settings={"p_gone": 0.6}, limits=Limits(tasks=100))
    assert not found.passed
    assert found.done_but_wrong == ()
    assert found.misses == 10
    assert found.stops["refused"] >= 8
    assert found.hits + found.misses < 100
    assert "too many to pass" in found.reason


def test_what_a_skill_is_not_for_it_leaves_alone_and_that_does_not_count() -> None:
    found = verify(BUY, Stall)
    declined = [trial for trial in found.trials if trial.verdict == "declined"]
    assert declined
    assert all(trial.calls == 0 for trial in declined)
    assert found.stops == {"precondition": sum(trial.kind == "drawn" for trial in declined)}


def test_a_skill_without_its_precondition_is_found_out() -> None:
    assert verify(UNGUARDED, Stall).done_but_wrong


def test_tasks_that_break_a_predicate_find_what_drawn_tasks_do_not() -> None:
    """A rule that is wrong only for budgets which are never drawn."""
    dear = {"on": {"gt": [param("budget"), {"const": 90}]}, "yes": [True], "no": [False]}
    trap = {"do": "if", "cond": dear, "then": [{"do": "call", "id": "quit", "tool": "give_up", "args": {}}]}
    found = verify(skill({**trap, "else": []}, *BUY.body), Stall)
    assert found.hits == 20
    assert [trial.kind for trial in found.done_but_wrong] == ["body/0/cond/on"]


def test_a_skill_is_attacked_through_every_setting_that_its_world_has_for_it() -> None:
    sample = Stall.tasks().take(30)
    found = attacks(BUY, Stall, {"fruit": "pears"}, sample)
    names = {attack.name for attack in found}
    assert {"infeasible", "p_gone", "p_fails", "disturbed", "pre/0", "body/1/body/0/where/0"} <= names
    assert all(attack.settings["fruit"] == "pears" for attack in found)
    jobs = [attack for attack in found if attack.name == "pre/0"]
    assert {task.params["job"] for each in jobs for task in each.tasks(Stall, 0, 2)} == {"sell"}
    budgets = [attack.settings["budget"] for attack in found if attack.name == "body/1/body/0/where/0"]
    assert min(budgets) == 0
    assert max(budgets) > max(task.params["budget"] for task in sample)


def test_the_report_tells_which_way_each_predicate_and_guard_went() -> None:
    found = verify(BUY, Stall)
    both = [place for place, ways in found.sides.items() if list(ways) == [False, True]]
    rule = {"body/1/body/0/where/0", "body/1/body/1/cond", "body/1/body/1/cond/on", "body/1/again"}
    assert set(both) == {"pre/0", *rule}
    assert found.unseen == ("body/2/again",)  # the last payment ends the session, so nobody asks again
    assert json.loads(json.dumps(found.as_json()))["sides"]["pre/0"] == [False, True]


@pytest.mark.parametrize(
    ("world", "why"),
    [
        (Waiting, "waits for what is outside"),
        (Fickle, "does not begin the same twice"),
        (find("flight"), "it is a skill of stall-v1"),
    ],
)
def test_a_world_in_which_nothing_can_be_tried_is_refused_with_the_reason(world: type, why: str) -> None:
    found = verify(BUY, world)
    assert not found.passed
    assert why in found.reason
    assert found.trials == ()


def test_a_skill_with_an_argument_that_no_task_tells_is_not_for_fresh_tasks() -> None:
    found = verify(skill({**SEARCH, "args": {"fruit": param("wish")}}, reserve(), PAY), Stall)
    assert "'wish'" in found.reason
    assert found.trials == ()


@pytest.mark.parametrize("world", [NewStatus, Renamed, Overcharging])
def test_a_skill_whose_world_has_changed_does_not_pass_again(world: type[Stall]) -> None:
    assert not verify(BUY, world).passed


def test_a_renamed_column_stops_a_skill_rather_than_making_it_give_up() -> None:
    found = verify(BUY, Renamed)
    assert found.done_but_wrong == ()
    assert found.stops["missing"] >= 10


def test_calls_and_time_are_bounded() -> None:
    few = verify(BUY, Stall, limits=Limits(calls=10))
    assert few.reason == "not decided: 10 calls were made"
    assert not few.passed
    ticks = itertools.count(0.0, 10.0)
    slow = verify(BUY, Stall, limits=Limits(seconds=100.0), clock=lambda: next(ticks))
    assert slow.reason == "not decided: 100 seconds have passed"
    assert 0 < len(slow.trials) < 20


def test_too_few_fresh_tasks_prove_nothing() -> None:
    found = verify(BUY, Stall, settings={"job": "sell"})
    assert not found.passed
    assert "too few tasks" in found.reason


def test_settings_that_the_world_does_not_know_are_a_reason() -> None:
    assert "does not begin" in verify(BUY, Stall, settings={"colour": "red"}).reason


def test_what_was_played_is_in_the_log_as_verification_and_replays(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "practicum.db")
    try:
        found = verify(BUY, find(STALL), log=Log(store), env=STALL, principal="ann")
        sessions = Sessions(store)
        kept = sessions.list("ann", limit=500)
        assert len(kept) == sum(trial.calls > 0 for trial in found.trials)
        assert {session.purpose for session in kept} == {"verification"}
        assert {session.task.split for session in kept} == {"verify"}
        assert not any(session.open for session in kept)
        steps = [step for session in kept for step in sessions.steps(session.id)]
        assert {step.via_skill for step in steps} == {BUY.name}
        assert len(steps) == found.calls
        assert all(replay(sessions, session.id).agrees for session in kept[:10])
    finally:
        store.close()


def test_equal_verifications_find_the_same() -> None:
    assert verify(BUY, Stall) == verify(BUY, Stall)


def test_a_flight_skill_is_judged_by_its_world() -> None:
    given_up = verify(GIVE_UP, find("flight"))
    assert given_up.done_but_wrong
    careless = verify(CANCEL, find("flight"), settings={"kind": "cancel"})
    assert careless.done_but_wrong
    assert verify(careful(), find("flight"), settings={"kind": "cancel"}).passed


def careful() -> Skill:
    """Cancels where the fee is within the limit, and aborts where it is not."""
    fits = {"le": [{"ref": "open", "path": "/booking/fee"}, param("max_fee")]}
    abort = {"do": "call", "id": "b", "tool": "abort", "args": {}}
    cond = {"on": fits, "yes": [True], "no": [False]}
    return replace(CANCEL, body=({"do": "if", "cond": cond, "then": list(CANCEL.body), "else": [abort]},))


def test_a_verification_counts_by_kind() -> None:
    found: Verification = verify(BUY, Stall)
    assert found.kinds["drawn"]["hit"] == 20
    assert found.kinds["p_fails"] == {"stop": 2}
    assert sum(sum(verdicts.values()) for verdicts in found.kinds.values()) == len(found.trials)


def test_a_world_that_does_not_stand_an_attack_says_nothing_about_the_skill() -> None:
    assert verify(BUY, Brittle).passed


class Brittle(Stall):
    """Buy, where nobody thought of a budget of nothing."""

    def begin(self, **params: Any) -> Sale:
        assert 1 / params["budget"]
        return super().begin(**params)
