"""A skill that does a part of a job is judged on logged sessions that it was not mined from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from practicum.envs import Episode, Task, find
from practicum.memory import Log, SessionRecorder, Sessions, SessionStart, Store, new_session_id, replay
from practicum.skills.held_out import verify_held_out
from practicum.skills.language import Skill
from practicum.skills.segments import Occurrence
from practicum.skills.trials import Limits, Verification
from tests.skills.stall_env import Waiting
from tests.skills.stall_skills import BUY, PAY, SEARCH, call, cheapest, param, reserve, skill, within_budget

STALL = f"{Path(__file__).parent / 'stall_env.py'}:Stall"
Stall = find(STALL)
RESERVE = skill(reserve(within_budget()), name="skill_reserve", pre=())
"""The middle of a purchase: begins after the search, ends before the payment."""
DEAREST = skill(
    {**cheapest(), "by": {"max": {"col": "price"}}},
    call("reserve", "reserve", offer={"row": "best", "path": "/id"}),
    name="skill_dearest",
    pre=(),
)
"""Reserves what costs most, without a look at the budget."""
SETTLE = skill(PAY, name="skill_settle", pre=())


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = Store.open(tmp_path_factory.mktemp("held_out") / "practicum.db")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def bought(store: Store) -> list[str]:
    """Forty purchases by hand, of the train and the verify split."""
    tasks = [task for task in Stall.tasks(budget=45).take(80) if task.params["job"] == "buy"]
    return [by_hand(store, task) for task in tasks if task.split != "test"][:40]


def by_hand(store: Store, task: Task, **start: Any) -> str:
    """Look at everything, reserve the cheapest that fits until it is there, pay until it works."""
    session_id = new_session_id()
    log = Log(store)
    log.start(SessionStart(id=session_id, env=STALL, task=task, **start))
    episode = Episode(Stall(), task, recorder=SessionRecorder(log, session_id))
    offers = episode.act("search", {"fruit": task.params["fruit"]}).result["offers"]
    for offer in sorted(offers, key=lambda each: each["price"]):
        if offer["price"] > task.params["budget"]:
            continue
        if episode.act("reserve", {"offer": offer["id"]}).result["status"] == "reserved":
            break
    else:
        episode.act("give_up")
    while not episode.over:
        episode.act("pay")
    return session_id


def judged(store: Store, program: Skill, ids: list[str], **more: Any) -> Verification:
    mined_from = more.pop("mined_from", ids[:3])
    sessions = Sessions(store)
    return verify_held_out(program, Stall, sessions=sessions, session_ids=ids, mined_from=mined_from, **more)


def test_a_part_that_is_done_as_the_sessions_had_it_passes(store: Store, bought: list[str]) -> None:
    for program in (RESERVE, SETTLE):
        found = judged(store, program, bought)
        assert found.passed, found.reason
        assert (found.hits, found.misses) == (20, 0)


def test_sessions_that_a_skill_was_mined_from_do_not_judge_it(store: Store, bought: list[str]) -> None:
    found = judged(store, RESERVE, bought, mined_from=bought[:30])
    assert not found.passed
    assert found.hits <= 10
    mined = {session.task.hash for session in map(Sessions(store).resolve, bought[:30])}
    assert not found.tasks & mined


def test_a_part_that_is_done_wrong_fails(store: Store, bought: list[str]) -> None:
    found = judged(store, DEAREST, bought)
    assert not found.passed
    assert len(found.done_but_wrong) == 1
    assert found.trials[-1].verdict == "wrong"


def test_where_a_part_begins_can_be_told(store: Store, bought: list[str]) -> None:
    def beginning(turn: int) -> dict[str, Occurrence]:
        return {each: Occurrence(each, turn, turn) for each in bought}

    assert not judged(store, RESERVE, bought, parts=beginning(1)).passed  # nothing was searched for yet
    assert judged(store, RESERVE, bought, parts=beginning(2)).passed


def test_a_whole_job_can_be_judged_so_too(store: Store, bought: list[str]) -> None:
    assert judged(store, BUY, bought).passed


def test_an_argument_that_no_task_tells_is_taken_from_the_session(store: Store, bought: list[str]) -> None:
    given = skill(call("a", "reserve", offer=param("wish")), name="skill_given", pre=())
    found = judged(store, given, bought)
    assert found.hits + found.misses == found.hits >= 20


def test_a_part_that_does_nothing_proves_nothing(store: Store, bought: list[str]) -> None:
    found = judged(store, skill(SEARCH, name="skill_looks", pre=()), bought)
    assert not found.passed
    assert found.hits == 0
    assert found.stops.keys() == {"unfit"}


def test_failures_tests_and_evaluations_do_not_judge(store: Store) -> None:
    tasks = Stall.tasks(5000, feasible=True, job="buy")
    train, test = (tasks.split(split).take(2) for split in ("train", "test"))
    ids = [by_hand(store, task) for task in test]
    ids += [by_hand(store, task, purpose="evaluation") for task in train[:1]]
    ids += [by_hand(store, Stall.make_task(seed, job="sell")) for seed in (5003, 5004)]
    assert judged(store, RESERVE, ids, mined_from=()).trials == ()


def test_what_is_played_is_kept_as_forks_that_replay(store: Store, bought: list[str]) -> None:
    found = judged(store, RESERVE, bought, log=Log(store))
    sessions = Sessions(store)
    kept = sessions.list("local", purpose="verification", limit=100)
    assert len(kept) == len(found.trials) == 20
    assert all(session.parent in bought and session.parent_turn == 1 for session in kept)
    assert not any(session.open for session in kept)
    assert all(replay(sessions, session.id).agrees for session in kept)


def test_worlds_that_wait_are_refused_and_limits_hold(store: Store, bought: list[str]) -> None:
    sessions = Sessions(store)
    waits = verify_held_out(RESERVE, Waiting, sessions=sessions, session_ids=bought, mined_from=())
    assert "waits for what is outside" in waits.reason
    assert judged(store, RESERVE, bought, limits=Limits(calls=4)).reason == "not decided: 4 calls were made"


def test_another_principals_sessions_are_not_read(store: Store, bought: list[str]) -> None:
    assert judged(store, RESERVE, bought, principal="eve").trials == ()
