"""Which way a program went is told of every predicate, guard and case that it has."""

from __future__ import annotations

from practicum.envs import Episode
from practicum.skills.interpreter import play
from practicum.skills.sides import Sides, predicates
from tests.skills.stall_env import Stall
from tests.skills.stall_skills import BUY, SEARCH, call, last, param, skill

CHEAP = {"lt": [param("budget"), {"const": 40}]}
SWITCH = {
    "do": "switch",
    "on": param("fruit"),
    "cases": [{"is": ["apples"], "body": []}, {"is": ["pears", "plums"], "body": [SEARCH]}],
}


def taken(program: object, *seeds: int) -> Sides:
    sides = Sides(program)  # type: ignore[arg-type]
    for seed in seeds:
        play(program, Episode(Stall(), Stall.make_task(seed)), notice=sides)  # type: ignore[arg-type]
    return sides


def test_nothing_is_seen_of_a_program_that_was_not_played() -> None:
    sides = taken(BUY)
    assert set(map(tuple, sides.table().values())) == {()}
    assert sides.unseen() == ["body/1/body/1/cond", "body/1/again", "body/2/again"]


def test_a_guard_has_gone_the_ways_that_the_tasks_made_it_go() -> None:
    guard = {"on": CHEAP, "yes": [True], "no": [False]}
    program = skill({"do": "if", "cond": guard, "then": [], "else": [SEARCH]}, pre=())
    budgets = {seed: Stall.make_task(seed).params["budget"] for seed in (1, 2)}
    assert budgets == {1: 36, 2: 47}
    assert taken(program, 1).table()["body/0/cond"] == [True]
    assert taken(program, 1).unseen() == ["body/0/cond"]
    assert taken(program, 1, 2).table() == {"body/0/cond": [False, True], "body/0/cond/on": [False, True]}
    assert taken(program, 1, 2).unseen() == []


def test_every_case_of_a_switch_is_a_way_of_its_own() -> None:
    assert taken(skill(SWITCH, pre=()), 3).unseen() == ["body/0/cases/1"]
    assert taken(skill(SWITCH, pre=()), 3, 4).unseen() == []


def test_predicates_within_others_are_told_apart() -> None:
    program = skill(
        call("found", "search", fruit=param("fruit")),
        pre=({"not": CHEAP}, {"all": [CHEAP, {"missing": last("/status")}]}),
    )
    places = [place for place, _ in predicates(program)]
    assert places == ["pre/0", "pre/0/not/0", "pre/1", "pre/1/all/0", "pre/1/all/1"]
    assert taken(program, 2).table()["pre/0/not/0"] == [False]


def test_an_argument_that_is_called_like_a_predicate_is_none() -> None:
    program = skill(
        call("a", "search", where=param("fruit"), all=param("fruit"), cond=param("fruit")), pre=()
    )
    assert list(predicates(program)) == []
