"""What is there already is not published a second time, whatever it is called and however it is written."""

from __future__ import annotations

import json
from dataclasses import replace

from practicum.skills.duplicates import Duplicate, duplicate_of, is_contained
from practicum.skills.language import Skill
from tests.skills.stall_env import Stall, Waiting
from tests.skills.stall_skills import (
    BUY,
    PAY,
    SEARCH,
    SPENDTHRIFT,
    TIMID,
    call,
    choose,
    reserve,
    skill,
    within_budget,
)


def with_other_names(program: Skill) -> Skill:
    """The same program with other names for its statements."""
    text = json.dumps(program.as_json())
    for name in ("found", "best", "reserving", "paying"):
        text = text.replace(f'"{name}"', f'"x_{name}"')
    return Skill.from_json(json.loads(text)).named("skill_other")


def test_an_equal_program_under_other_names_is_there_already() -> None:
    assert with_other_names(BUY).as_json() != BUY.as_json()
    assert duplicate_of(with_other_names(BUY), [TIMID, BUY], Stall) == Duplicate("equal", BUY.name)


def test_a_part_of_a_program_is_there_already() -> None:
    part = skill(reserve(within_budget()), PAY, name="skill_part")
    assert duplicate_of(part, [BUY], Stall) == Duplicate("contained", BUY.name)
    assert duplicate_of(with_other_names(part), [BUY], Stall) == Duplicate("contained", BUY.name)
    within = skill(*choose(within_budget()), name="skill_round")
    assert duplicate_of(within, [BUY], Stall) == Duplicate("contained", BUY.name)


def test_a_whole_is_not_contained_in_its_part_nor_parts_that_do_not_stand_in_a_row() -> None:
    assert not is_contained(BUY, skill(reserve(within_budget()), PAY))
    assert not is_contained(skill(SEARCH, PAY), BUY)
    assert not is_contained(skill(), BUY)


def test_another_way_to_the_same_end_is_there_already() -> None:
    looks_twice = skill(
        SEARCH, call("again", "search", fruit={"param": "fruit"}), *BUY.body[1:], name="skill_twice"
    )
    assert duplicate_of(looks_twice, [SPENDTHRIFT, BUY], Stall) == Duplicate("same effect", BUY.name)


def test_what_does_something_else_is_new() -> None:
    assert duplicate_of(SPENDTHRIFT, [BUY, TIMID], Stall) is None
    assert duplicate_of(BUY, [TIMID], Stall, settings={"p_gone": 0.5}) is None
    assert duplicate_of(BUY, [], Stall) is None


def test_skills_of_other_worlds_are_no_rivals() -> None:
    assert duplicate_of(BUY, [replace(BUY, env_version=2)], Stall) is None


def test_skills_that_do_nothing_anywhere_are_not_alike_for_that() -> None:
    never = ({"eq": [{"param": "job"}, {"const": "lend"}]},)
    idle, other = skill(SEARCH, pre=never, name="skill_idle"), skill(PAY, pre=never)
    assert duplicate_of(idle, [other], Stall) is None


def test_nothing_is_played_in_a_world_that_waits() -> None:
    looks_twice = skill(SEARCH, call("again", "search", fruit={"param": "fruit"}), *BUY.body[1:])
    assert duplicate_of(looks_twice, [BUY], Waiting) is None
    assert duplicate_of(BUY, [BUY], Waiting) == Duplicate("equal", BUY.name)
