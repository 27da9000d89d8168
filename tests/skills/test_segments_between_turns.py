"""Parts between turns: what agents do after something was said becomes skills, what they say does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from practicum.envs import Episode
from practicum.memory import Log, Store
from practicum.skills.digests import fill_in
from practicum.skills.interpreter import play
from practicum.skills.language import calls_in, nodes_in
from practicum.skills.learning import learn
from practicum.skills.library import Library
from practicum.skills.roles import turns_of
from practicum.skills.segments import segments
from practicum.skills.suggestions import Suggestions
from tests.skills.desk_visits import (
    CANCEL,
    LOOK,
    Desk,
    confirmed,
    judged,
    learned,
    log,
    looks_again_and_cancels,
    looks_at_some_lines,
    looks_through_all_orders,
    picks_an_order,
    program,
    tools_of,
    who_and_what,
)
from tests.skills.stall_skills import call, param


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "practicum.db")
    yield opened
    opened.close()


# Segments ---------------------------------------------------------------------------------------------


def test_no_segment_goes_across_a_turn_and_looks_before_one_stay(store: Store) -> None:
    log(store, looks_at_some_lines, 20)
    fill_in(store)
    found = segments(store, "desk", turns=turns_of(Desk))
    assert [each.calls for each in found] == [("get_order?", "get_thing?")]
    assert found[0].support == 20


def test_nothing_that_talks_becomes_a_skill_of_a_whole_session(store: Store) -> None:
    log(store, looks_at_some_lines)
    assert not any("say" in tools_of(entry) for entry in learned(store).values())


# Programs ---------------------------------------------------------------------------------------------


def test_looks_at_a_part_of_a_list_become_a_loop_over_all_of_it(store: Store) -> None:
    log(store, looks_at_some_lines)
    [entry] = learned(store).values()
    first, loop = entry.skill.body
    assert (first["tool"], loop["do"], loop["over"]) == (
        "get_order",
        "foreach",
        {"ref": "last", "path": "/lines"},
    )
    assert entry.skill.params["required"] == ["order_id"]
    described = Desk.actions["get_order"].schema["properties"]["order_id"]["description"]
    assert entry.skill.params["properties"]["order_id"]["description"] == described
    assert entry.skill.effects.read_only
    assert (entry.hits, entry.misses) == (20, 0)
    assert entry.skill.pre == ()


def thinks_while_it_looks(episode: Episode, number: int) -> None:
    """Thinks before and between its looks."""
    order_id, reason = who_and_what(episode, number)
    episode.act("think", {"thought": f"It is {order_id}."})
    lines = episode.act("get_order", {"order_id": order_id}).result["lines"]
    for line in lines:
        episode.act("think", {"thought": f"A {line['thing']}, number {number}."})
        episode.act("get_thing", {"thing_id": line["thing_id"]})
    episode.act("think", {"thought": "That is all."})
    confirmed(episode, order_id, reason)


def test_what_was_thought_is_no_part_of_a_skill(store: Store) -> None:
    log(store, thinks_while_it_looks)
    [entry] = learned(store).values()
    assert tools_of(entry) == {"get_order", "get_thing"}
    assert [stmt["do"] for stmt in entry.skill.body] == ["call", "foreach"]
    assert entry.skill.params["required"] == ["order_id"]


@pytest.mark.parametrize("live", [False, True], ids=["computed", "from outside"])
def test_a_customer_is_found_either_way_and_all_their_orders_are_looked_through(
    store: Store, live: bool
) -> None:
    log(store, looks_through_all_orders, live=live)
    [entry] = learned(store).values()
    assert tools_of(entry) == {"find_by_name", "find_by_code", "get_person", "get_order"}
    assert any(node.get("do") == "foreach" for node in nodes_in(entry.skill.body))
    assert (entry.skill.params["properties"].keys(), entry.skill.params["required"]) == ({"name", "code"}, [])
    for number, task in enumerate(Desk.tasks().split("test").take(6)):
        episode = Episode(Desk(), task)
        way = ("name", "code")[number % 2]
        row = episode.env.state.people[episode.env.state.person]
        finish = play(entry.skill, episode, {way: row[way]})
        assert finish.finished
        assert finish.calls == 2 + len(row["orders"])
    nobody = play(entry.skill, Episode(Desk(), task), {})
    assert nobody.stop is not None
    assert (nobody.stop.reason, nobody.calls) == ("missing", 0)


def looks_at_who_ordered(episode: Episode, number: int) -> None:
    """Looks at the customer as soon as it knows who they are, or only with the order."""
    if number % 2:
        order_id, reason = who_and_what(episode, 1)
        person = episode.act("get_order", {"order_id": order_id}).result["person_id"]
        episode.act("get_person", {"person_id": person})
    else:
        name = episode.act("say", {"words": "name?"}).result
        person = episode.act("find_by_name", {"name": name}).result
        episode.act("get_person", {"person_id": person})
        order_id, _, reason = episode.act("say", {"words": "order?"}).result.partition(": ")
    confirmed(episode, order_id, reason)


def test_parts_that_begin_otherwise_and_do_not_go_on_alike_are_skills_of_their_own(store: Store) -> None:
    log(store, looks_at_who_ordered, 150)
    found = learned(store)
    assert {frozenset(tools_of(entry)) for entry in found.values()} == {
        frozenset({"get_order", "get_person"}),
        frozenset({"find_by_name", "get_person"}),
    }
    for entry in found.values():
        Library(store).quarantine(entry.skill, "to see")
    again = learn(store).learnt
    assert [each.what for each in again] == ["verified again"] * 2


@pytest.mark.parametrize("orders_each", [1, 4])
def test_what_only_the_part_itself_shows_is_no_argument_and_no_first_of_a_list(
    store: Store, orders_each: int
) -> None:
    log(store, picks_an_order, orders_each=orders_each)
    [entry] = learned(store).values()
    assert tools_of(entry) == {"get_person", "get_thing"}
    assert entry.skill.params["required"] == ["person_id", "thing_id"]


@pytest.mark.parametrize("reasons", [1, 2])
def test_what_changes_something_is_told_by_the_caller_even_where_it_was_always_the_same(
    store: Store, reasons: int
) -> None:
    log(store, looks_again_and_cancels, reasons=reasons)
    [entry] = learned(store).values()
    assert tools_of(entry) == {"get_order", "cancel"}
    assert entry.skill.params["required"] == ["order_id", "reason"]
    cancel = next(each for each in calls_in(entry.skill.body) if each["tool"] == "cancel")
    assert cancel["args"] == {"order_id": param("order_id"), "reason": param("reason")}
    assert entry.skill.effects.destructive
    given = [each["args"] for each in calls_in(entry.skill.body)]
    assert not any("const" in node for node in nodes_in(given))


def test_an_order_that_stands_otherwise_than_ever_before_is_not_changed(store: Store) -> None:
    log(store, looks_again_and_cancels)
    [entry] = learned(store).values()
    episode = Episode(Desk(), Desk.tasks().split("test").take(1)[0])
    order = episode.env.state.order
    episode.env.state.orders[order]["status"] = "sent"
    finish = play(entry.skill, episode, {"order_id": order, "reason": "too late"})
    assert finish.stop is not None
    assert (finish.stop.reason, finish.stop.where) == ("expectation", "get_order")
    assert episode.env.state.cancelled == {}


# How they are judged ----------------------------------------------------------------------------------


def test_a_part_that_shows_less_than_was_seen_is_not_done(store: Store) -> None:
    ids = log(store, looks_at_some_lines, 30)
    look = call("get_order", "get_order", order_id=param("order_id"))
    found = judged(store, program(look), ids, first=4, before_the_end=3)
    assert found.hits > 0  # a part ends where its skill's tools end
    thing = call("get_thing", "get_thing", thing_id={"ref": "last", "path": "/lines/0/thing_id"})
    found = judged(store, program(look, thing), ids, first=4, before_the_end=3)
    assert not found.passed
    assert found.stops.keys() == {"unfit"}
    assert found.done_but_wrong == ()


def test_a_part_that_leaves_the_world_as_it_was_left_passes(store: Store) -> None:
    ids = log(store, looks_again_and_cancels, 30)
    skill = program(LOOK, CANCEL, asks=("order_id", "reason"), read_only=False)
    found = judged(store, skill, ids, first=6, before_the_end=1)
    assert found.passed, found.reason
    assert (found.hits, found.misses) == (20, 0)


def test_a_part_that_leaves_the_world_otherwise_is_done_wrong(store: Store) -> None:
    ids = log(store, looks_again_and_cancels, 30)
    always = {**CANCEL, "args": {**CANCEL["args"], "reason": {"const": "too late"}}}
    skill = program(LOOK, always, read_only=False)
    found = judged(store, skill, ids, first=6, before_the_end=1)
    assert not found.passed
    assert len(found.done_but_wrong) == 1


def test_a_part_is_never_suggested_to_begin_a_session_with(store: Store) -> None:
    log(store, looks_through_all_orders)
    entries = list(learned(store).values())
    assert entries
    for number in range(20):
        drawn = Suggestions(store).draw(f"{number:032x}", entries, principal="local", params={})
        assert drawn.skill is None


def test_what_is_published_is_verified_again_like_any_skill(store: Store) -> None:
    log(store, looks_through_all_orders)
    [entry] = learned(store).values()
    library = Library(store)
    library.quarantine(entry.skill, "to see")
    with Log(store).writing() as connection:  # as when the rules of digests have changed
        connection.execute("DELETE FROM digests")
    assert next(each.what for each in learn(store).learnt) == "verified again"
