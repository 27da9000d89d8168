"""Repeats: a list of which every element is looked up becomes one loop of the program."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from practicum.envs import Episode, ListRecorder, Task, find
from practicum.memory import Log, SessionRecorder, SessionStart, Store, new_session_id
from practicum.skills.ingest import Trace, trace_of
from practicum.skills.interpreter import play
from practicum.skills.language import Skill, calls_in, nodes_in
from practicum.skills.learning import learn
from practicum.skills.library import Library
from practicum.skills.mining import mine
from practicum.skills.repeats import repeats_of
from tests.skills.orders_env import Listed, Shop

SHOP = f"{Path(__file__).parent / 'orders_env.py'}:Shop"


def cancel_by_hand(episode: Episode, *, stop_early: bool = False, slip: bool = False) -> None:
    """Look up all orders, or those up to the wanted one, and cancel it."""
    wanted = ""
    for shown in episode.act("list_orders").result["orders"]:
        if slip:
            episode.act("get_order", {"order_id": "W"})
        order_id = shown if isinstance(shown, str) else shown["id"]
        order = episode.act("get_order", {"order_id": order_id}).result["order"]
        if order["item"] == episode.task.params["item"]:
            wanted = order_id
            if stop_early:
                break
    episode.act("cancel_order", {"order_id": wanted})


def by_hand(world: type[Shop], seed: int, *, stop_early: bool = False, slip: bool = False) -> Trace:
    """A session outside the log."""
    task, kept = world.make_task(seed), ListRecorder()
    episode = Episode(world(), task, recorder=kept)
    cancel_by_hand(episode, stop_early=stop_early, slip=slip)
    return trace_of(episode, kept.steps, session=f"{seed:032x}")


def test_the_loop_is_verified_and_published_like_any_program(tmp_path):
    with closing(Store.open(tmp_path / "practicum.db")) as store:
        for task in find(SHOP).tasks().split("train").take(25):
            play_in_log(store, task)
        assert learn(store).published == ("skill_cancel_order",)
        [entry] = Library(store).entries("local")
    assert (entry.hits, entry.misses) == (20, 0)
    assert loops_in(entry.skill)


def play_in_log(store: Store, task: Task) -> None:
    session_id, log = new_session_id(), Log(store)
    log.start(SessionStart(id=session_id, env=SHOP, task=task))
    cancel_by_hand(Episode(find(SHOP)(), task, recorder=SessionRecorder(log, session_id)))


def tried(program: Skill, world: type[Shop], seeds: Sequence[int]) -> Counter[str]:
    found: Counter[str] = Counter()
    for seed in seeds:
        episode = Episode(world(), world.make_task(seed))
        finish = play(program, episode)
        right = "done" if episode.env.outcome().success else "wrong"
        found[finish.stop.reason if finish.stop else right] += 1
    return found


def loops_in(program: Skill) -> list[object]:
    return [node["over"] for node in nodes_in(program.body) if node.get("do") == "foreach"]


@pytest.mark.parametrize("world", [Shop, Listed])
@pytest.mark.parametrize("slip", [False, True])
def test_orders_that_are_all_looked_up_before_one_is_cancelled_are_looked_up_in_a_loop(world, slip):
    program = mine([by_hand(world, seed, slip=slip) for seed in range(20)], world)
    assert program is not None
    assert loops_in(program)
    assert all(over == {"ref": "last", "path": "/orders"} for over in loops_in(program))
    assert all(stmt["args"]["order_id"].keys() & {"row"} for stmt in calls_in(program.body) if stmt["args"])
    assert Skill.from_json(program.named("skill_cancel").as_json()).hash == program.hash
    assert tried(program, world, range(1000, 1040)) == {"done": 40}


def test_who_stops_looking_at_what_was_wanted_makes_no_loop_over_the_list():
    assert repeats_of([by_hand(Shop, seed, stop_early=True) for seed in range(20)]) == {}


def test_fewer_than_three_tasks_make_no_loop():
    assert repeats_of([by_hand(Shop, seed) for seed in (1, 2)]) == {}


def test_the_first_call_of_a_round_is_a_decision_and_the_others_are_none():
    traces = [by_hand(Shop, seed, slip=True) for seed in range(20)]
    [(tool, repeat)] = repeats_of(traces).items()
    assert tool == "get_order"
    for number, trace in enumerate(traces):
        looks = [place for place, e in enumerate(trace.played) if e.tool == "get_order" and e.error is None]
        assert {(number, place) for place in looks[1:]} == {
            each for each in repeat.later if each[0] == number
        }
