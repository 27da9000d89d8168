"""Mining: a program of what agents did, in whatever order they came, that holds no value but common ones."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from practicum.envs import Episode, ListRecorder, find
from practicum.skills.ingest import Event, Trace, trace_of
from practicum.skills.interpreter import play
from practicum.skills.language import Skill, calls_in
from practicum.skills.mining import mine
from practicum.skills.sightings import tellings
from practicum.skills.text import as_text
from tests.skills.buying import KIOSK, train_seeds
from tests.skills.by_hand import PARCELS, by_hand, tries

LOCKERS, STALLS = find(PARCELS), find(KIOSK)
PAPERS = ("red", "green", "plain")


def stored(count: int, *, noise: float = 0.0) -> list[Trace]:
    return by_hand(PARCELS, LOCKERS.tasks().split("train").take(count), noise=noise)


def bought(seed: int, *, refused_before: int | None = None, **wrapping: Any) -> Trace:
    """A ware that was bought by hand, with a call that the schema refused before one of the others."""
    task, kept = STALLS.make_task(seed), ListRecorder()
    episode = Episode(STALLS(), task, recorder=kept)
    calls = (
        ("find_ware", ("ware",)),
        ("take", ("number", "copies")),
        ("wrap", ("paper",)),
        ("pay", ("card_token",)),
    )
    known = {**task.params, **wrapping}
    for place, (tool, names) in enumerate(calls):
        if place == refused_before:
            assert episode.act("take", {"copies": "many"}).refused
        step = episode.act(tool, {name: known[name] for name in names})
        known |= step.result
    return trace_of(episode, kept.steps, session=f"{seed:032x}")


def wrapped(papers: list[str]) -> Skill:
    """What is mined where one task after the other was wrapped so."""
    seeds = train_seeds(len(papers))
    program = mine([bought(seed, paper=paper) for seed, paper in zip(seeds, papers, strict=True)], STALLS)
    assert program is not None
    return program


def papers_in(program: Skill) -> list[Any]:
    return [stmt["args"].get("paper") for stmt in calls_in(program.body) if stmt["tool"] == "wrap"]


# The order of sessions --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def traces() -> dict[str, list[Trace]]:
    mixed = [bought(seed, paper=PAPERS[number % 2]) for number, seed in enumerate(train_seeds(12))]
    flight = find("flight")
    flown = by_hand("flight", flight.tasks(kind="cancel").split("train").take(8), noise=0.1)
    booked = by_hand("flight", flight.tasks(kind="book").split("train").take(5), noise=0.1)
    return {"parcels": stored(12, noise=0.2), "kiosk": mixed, "flight": flown, "bookings": booked}


@pytest.mark.parametrize("world", ["parcels", "kiosk", "flight"])
@settings(max_examples=6)
@given(seed=st.integers(0, 2**32))
def test_what_is_mined_does_not_depend_on_the_order_of_the_sessions(traces, world, seed):
    given_ones = traces[world]
    env_class = {"parcels": LOCKERS, "kiosk": STALLS, "flight": find("flight")}[world]
    first = mine(given_ones, env_class)
    again = mine(random.Random(seed).sample(given_ones, len(given_ones)), env_class)
    assert first is not None
    assert again is not None
    assert (again.hash, again.as_json()) == (first.hash, first.as_json())


def test_what_is_mined_of_bookings_does_not_depend_on_their_order():
    flight = find("flight")
    flown = by_hand("flight", flight.tasks(kind="book").split("train").take(16), noise=0.1)
    first, again = (mine(some, flight) for some in (flown, random.Random(1).sample(flown, len(flown))))
    assert first is not None
    assert again is not None
    assert again.as_json() == first.as_json()


def test_of_calls_that_were_given_what_was_told_equally_often_always_the_same_one_counts():
    form = "{code}: {percent:d}% off"
    shown = {"said": ["SAVE: 5% off", "MORE: 6% off"]}
    tools = ("look", *(f"use_{letter}" for letter in "hgfedcba"))
    events = tuple(
        Event(tool, {"code": "SAVE"} if n else {}, shown, None, False, None, n)
        for n, tool in enumerate(tools)
    )
    sold = replace(bought(1, paper="plain"), events=events, played=events)
    [telling] = tellings([sold, sold], [form], ["/said"])
    assert (telling.field, telling.tool, telling.argument) == ("code", "use_a", "code")


# What worlds may show ---------------------------------------------------------------------------------

ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    10**400,
    "",
    "10:30",
    [],
    [1],
    ["a"],
    {},
    {"id": [1]},
    [{"id": [1]}],
    [[1]],
)


def places_in(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container of a JSON value with each of its keys."""
    for key, part in list(value.items()) if isinstance(value, dict) else list(enumerate(value)):
        yield value, key
        if isinstance(part, dict | list):
            yield from places_in(part)


def odd(value: Any, rng: random.Random) -> Any:
    """The same with something odd in some of its places, or nothing."""
    value = json.loads(json.dumps(value))
    for holder, key in list(places_in([value]))[1:]:
        if rng.random() < 0.05:
            holder[key] = rng.choice(ODD)
    return value


@pytest.mark.parametrize("world", ["parcels", "kiosk", "flight", "bookings"])
@settings(max_examples=15)
@given(seed=st.integers(0, 2**32))
def test_whatever_worlds_show_mining_comes_to_an_end(traces, world, seed):
    env_class = {"parcels": LOCKERS, "kiosk": STALLS}.get(world, find("flight"))
    rng = random.Random(seed)
    changed = [
        replace(trace, played=tuple(replace(e, result=odd(e.result, rng)) for e in trace.played))
        for trace in traces[world][:5]
    ]
    program = mine(changed, env_class)
    assert program is None or Skill.from_json(program.named("skill_odd").as_json()).hash == program.hash


# Refused calls ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [0, 1, 2, 3, None])
def test_calls_that_the_schema_refused_leave_no_trace_in_a_program(before):
    seeds = train_seeds(12)
    clean = mine([bought(seed, paper="plain") for seed in seeds], STALLS)
    places = [before if before is not None else number % 4 for number in range(12)]
    refused = [bought(seed, refused_before=at, paper="plain") for seed, at in zip(seeds, places, strict=True)]
    again = mine(refused, STALLS)
    assert clean is not None
    assert again is not None
    assert again.hash == clean.hash


def test_a_program_goes_its_way_where_an_agent_was_refused_before():
    program = mine([bought(seed, paper="plain") for seed in train_seeds(12)], STALLS)
    assert program is not None
    for seed in range(500, 510):
        kept = ListRecorder()
        episode = Episode(STALLS(), STALLS.make_task(seed), recorder=kept)
        episode.act("take", {"copies": "many"})
        assert play(program, episode, steps=kept.steps).finished
        assert kept.steps[-1].outcome == {**(kept.steps[-1].outcome or {}), "success": True}


# Constants --------------------------------------------------------------------------------------------


def test_a_value_that_nearly_all_tasks_show_is_a_constant():
    assert papers_in(wrapped(["green"] * 10)) == [{"const": "green"}]


def test_what_varies_without_a_reason_is_an_argument_of_the_skill():
    assert papers_in(wrapped([PAPERS[number % 3] for number in range(15)])) == [{"param": "paper"}]


def test_a_value_of_fewer_than_three_tasks_is_never_a_constant():
    assert "red" not in str(wrapped(["red", "red", *["green"] * 8]).body)
    two = [
        replace(bought(seed, paper="red"), session=f"{number:032x}") for number in range(3) for seed in (1, 2)
    ]
    program = mine([*two, bought(3, paper="green")], STALLS)
    assert program is None or "red" not in str(program.body)


# Tables whose rows are a mapping's entries ------------------------------------------------------------


def test_rows_may_be_the_keys_of_a_mapping():
    program = mine(stored(20), LOCKERS)
    assert program is not None
    assert all({"row"} <= set(expr) for call in calls_in(program.body) for expr in call["args"].values())
    assert {call["tool"] for call in calls_in(program.body)} == {"look", "store"}
    assert "max @value of all /parcels seen by @key" in as_text(program)
    assert set(tries(program, PARCELS, LOCKERS.tasks().split("verify").take(30))) == {"done"}


def test_a_skill_for_three_parcels_stores_any_number_of_them():
    program = mine(stored(20), LOCKERS)
    assert program is not None
    for parcels in (1, 2, 5, 9):
        assert set(tries(program, PARCELS, LOCKERS.tasks(parcels=parcels).split("verify").take(5))) == {
            "done"
        }


def test_one_in_five_slips_does_not_change_what_is_learned_of_parcels():
    program = mine([trace for trace in stored(40, noise=0.2) if trace.success], LOCKERS)
    assert program is not None
    assert set(tries(program, PARCELS, LOCKERS.tasks().split("verify").take(20))) == {"done"}
