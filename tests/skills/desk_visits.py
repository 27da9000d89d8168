"""What agents do at the desk of the tests, the log of it, and what is learned from that."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

from practicum.envs import Episode, Task, find
from practicum.memory import Log, SessionRecorder, Sessions, SessionStart, Store, new_session_id
from practicum.skills.held_out import verify_held_out
from practicum.skills.language import Skill, calls_in
from practicum.skills.learning import learn
from practicum.skills.library import Entry, Library
from practicum.skills.segments import Occurrence
from practicum.skills.trials import Verification
from tests.skills.stall_skills import call, param

DESK = f"{Path(__file__).parent / 'desk_env.py'}:Desk"
Desk = find(DESK)
Routine = Callable[[Episode, int], None]
TAUGHT = 90


def who_and_what(episode: Episode, number: int) -> tuple[str, str]:
    """Find the customer by what they say of themselves, ask for the order; returns it with the reason."""
    way = "name" if number % 2 else "code"
    given = episode.act("say", {"words": f"{way}?"}).result
    episode.act(f"find_by_{way}", {way: given})
    order_id, _, reason = episode.act("say", {"words": "order?"}).result.partition(": ")
    return order_id, reason


def confirmed(episode: Episode, order_id: str, reason: str) -> None:
    episode.act("say", {"words": f"Cancel {order_id}, {reason}?"})
    episode.act("cancel", {"order_id": order_id, "reason": reason})
    episode.act("say", {"words": "bye"})


def looks_at_some_lines(episode: Episode, number: int) -> None:
    """Looks at the order, and at one thing of it or all; now and then at an order that there is not."""
    order_id, reason = who_and_what(episode, number)
    if number % 5 == 0:
        episode.act("get_order", {"order_id": "W1"})
    lines = episode.act("get_order", {"order_id": order_id}).result["lines"]
    for line in lines[: 1 + number % 3]:
        episode.act("get_thing", {"thing_id": line["thing_id"]})
    confirmed(episode, order_id, reason)


def looks_through_all_orders(episode: Episode, number: int) -> None:
    """Looks at the customer and at each of their orders as soon as it knows who they are."""
    way = "name" if number % 2 else "code"
    given = episode.act("say", {"words": f"{way}?"}).result
    person = episode.act(f"find_by_{way}", {way: given}).result
    for order_id in episode.act("get_person", {"person_id": person}).result["orders"]:
        episode.act("get_order", {"order_id": order_id})
    order_id, _, reason = episode.act("say", {"words": "order?"}).result.partition(": ")
    confirmed(episode, order_id, reason)


def picks_an_order(episode: Episode, number: int) -> None:
    """Looks at the customer and at one of their orders, which nothing tells before."""
    person = episode.env.state.person
    episode.act("say", {"words": f"I have found {person}."})
    orders = episode.act("get_person", {"person_id": person}).result["orders"]
    episode.act("get_thing", {"thing_id": f"t{number % 7}5"})
    wanted = episode.env.state.order
    assert wanted in orders
    episode.act("cancel", {"order_id": wanted, "reason": episode.env.state.reason})
    episode.act("say", {"words": "bye"})


def looks_again_and_cancels(episode: Episode, number: int) -> None:
    """Looks at the order once more when it has its yes, and cancels it."""
    order_id, reason = who_and_what(episode, number)
    episode.act("say", {"words": f"Cancel {order_id}, {reason}?"})
    episode.act("get_order", {"order_id": order_id})
    episode.act("cancel", {"order_id": order_id, "reason": reason})
    episode.act("say", {"words": "bye"})


def log(
    store: Store,
    routine: Routine,
    count: int = TAUGHT,
    *,
    fits: Callable[[Any], bool] = lambda visit: True,
    **settings: Any,
) -> list[str]:
    """Sessions of a routine on tasks of the train split that it fits."""
    tasks = (task for task in Desk.tasks(**settings).split("train") if fits(Episode(Desk(), task).env.state))
    return [logged(store, routine, task, number) for number, task in enumerate(islice(tasks, count))]


def logged(store: Store, routine: Routine, task: Task, number: int) -> str:
    """The session of a routine that came to the right end."""
    session_id, log = new_session_id(), Log(store)
    log.start(SessionStart(id=session_id, env=DESK, task=task))
    episode = Episode(Desk(), task, recorder=SessionRecorder(log, session_id))
    routine(episode, number)
    assert episode.last is not None
    assert episode.last.outcome is not None
    assert episode.last.outcome["success"], routine
    return session_id


def learned(store: Store) -> dict[str, Entry]:
    """What is published after a round of learning, by name."""
    learn(store)
    return {entry.skill.name: entry for entry in Library(store).entries("local")}


def tools_of(entry: Entry) -> set[str]:
    return {each["tool"] for each in calls_in(entry.skill.body)}


# How parts are judged -------------------------------------------------------------------------------


def program(*body: Any, asks: tuple[str, ...] = ("order_id",), read_only: bool = True) -> Skill:
    """A skill of the desk, as it is mined."""
    shape = {"type": "string", "description": "As its tool takes it."}
    properties = dict.fromkeys(asks, shape)
    params = {"type": "object", "properties": properties, "required": list(asks)}
    record = {"ir": 1, "name": "skill_part", "version": 1, "env": "desk", "env_version": 1, "params": params}
    return Skill.from_json({**record, "body": list(body), "effects": {"read_only": read_only}})


def judged(store: Store, skill: Skill, ids: list[str], *, first: int, before_the_end: int) -> Verification:
    """The verdict by a part that begins in a turn, and ends so many steps before the session does."""
    sessions = Sessions(store)
    ends = {each: len(list(sessions.steps(each))) - before_the_end for each in ids}
    parts = {each: Occurrence(each, first, end) for each, end in ends.items()}
    return verify_held_out(
        skill, Desk, sessions=sessions, session_ids=ids, mined_from=(), parts=parts, between_turns=True
    )


CANCEL = call("cancel", "cancel", order_id=param("order_id"), reason=param("reason"))
LOOK = call("get_order", "get_order", order_id=param("order_id"))
