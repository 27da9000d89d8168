"""Program: a tree of guards as statements, which ask each thing once and stop at what they do not know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from practicum.skills.flow import Feature, Fork, Leaf, Tree
from practicum.skills.interpreter import Finish, Situation, run
from practicum.skills.language import Skill, calls_in, nodes_in
from practicum.skills.program import ALWAYS, END, body_of
from practicum.skills.text import as_text
from tests.memory.steps import a_step

FEE, MOST = {"ref": "last", "path": "/fee"}, {"param": "most"}
BELOW, ABOVE = Feature({"le": [FEE, MOST]}, 1.0), Feature({"ge": [FEE, MOST]}, 1.0)
VIEW, READY = Feature({"ref": "last", "path": "/view"}, 1.0), Feature({"truthy": MOST}, 1.0)
AFTER = Feature({"after": True}, 1.0)
CALLS = {
    name: {"do": "call", "id": name, "tool": name, "args": {}} for name in ("look", "take", "pay", "abort")
}
ROW = {"do": "select", "id": "best", "from": {"ref": "last", "path": "/rows"}}
NO_ROW = Feature({"missing": {"row": "best", "path": ""}}, 1.0, needs=("best",))
NO_CODE = Feature({"missing": {"row": "best", "path": "/code"}}, 1.0, needs=("best",))


def leaf(name: str) -> Leaf:
    return Leaf(name, 1, 0)


def fork(feature: Feature, *branches: tuple[Any, Tree]) -> Fork:
    return Fork(
        feature, tuple(((value,) if not isinstance(value, tuple) else value, t) for value, t in branches)
    )


def program(tree: Tree, **parts: Any) -> Skill:
    known = {"selections": {"best": ROW}, "kin": {}, **parts}
    return Skill("skill_any", 1, "any", 1, {"type": "object"}, tuple(body_of(tree, CALLS, **known)))


def asked(skill: Skill) -> list[Any]:
    """What the guards of a program look at, in their order."""
    guards = (node.get("cond", node) for node in nodes_in(skill.body) if node.get("do") in ("if", "switch"))
    return [guard["on"] for guard in guards]


def played(skill: Skill, opening: Mapping[str, Any], *results: Any, most: Any = 2) -> list[str]:
    """The tools that a program calls in a world that answers so, and what it stops for."""
    running, tools = run(skill, {}, Situation({"most": most}, opening)), []
    answers = [a_step(result=result) for result in results] + [a_step(terminated=True)]
    try:
        call = next(running)
        for answer in answers:
            tools.append(call.tool)
            call = running.send(answer)
    except StopIteration as end:
        finish: Finish = end.value
        return [*tools, finish.stop.reason] if finish.stop else tools
    raise AssertionError


# Guards in each other ---------------------------------------------------------------------------------


def test_what_a_guard_above_has_told_is_not_asked_again():
    inner = fork(VIEW, ("cart", leaf("pay")), ("list", leaf("take")))
    skill = program(
        fork(VIEW, ("cart", fork(READY, (True, inner), (False, leaf("look")))), ("list", leaf("abort")))
    )
    assert asked(skill) == [VIEW.on, READY.on]
    assert [call["tool"] for call in calls_in(skill.body)] == ["pay", "look", "abort"]


def test_of_several_values_that_a_guard_above_has_told_the_one_that_is_known_goes_on():
    inner = fork(VIEW, ("cart", leaf("pay")), ("list", leaf("take")))
    skill = program(fork(VIEW, (("cart", "bag"), inner), ("list", leaf("abort"))))
    assert [call["tool"] for call in calls_in(skill.body)] == ["pay", "abort"]
    assert played(skill, {"view": "cart"}) == ["pay"]
    assert played(skill, {"view": "bag"}) == ["guard"]


def test_a_way_that_leads_nowhere_is_none():
    nowhere = fork(READY, (True, fork(VIEW, ("page", leaf("look")))))
    skill = program(fork(VIEW, ("cart", leaf("pay")), ("list", nowhere)))
    assert asked(skill) == [VIEW.on]
    assert played(skill, {"view": "list"}) == ["guard"]


def test_a_program_that_leads_nowhere_stops():
    skill = program(fork(VIEW, ("cart", fork(VIEW, ("list", leaf("pay"))))))
    assert list(calls_in(skill.body)) == []
    assert played(skill, {"view": "cart"}) == ["guard"]


def test_where_a_part_of_a_row_is_told_there_is_a_row():
    inner = fork(NO_ROW, (False, leaf("take")), (True, leaf("abort")))
    skill = program(fork(NO_CODE, (False, inner), (True, leaf("look"))))
    assert asked(skill) == [NO_CODE.on]
    assert played(skill, {"rows": [{"code": 1}]}) == ["take"]


def test_where_a_part_of_a_row_is_missing_it_is_asked_whether_there_is_a_row():
    inner = fork(NO_ROW, (False, leaf("take")), (True, leaf("abort")))
    skill = program(fork(NO_CODE, (False, leaf("look")), (True, inner)))
    assert played(skill, {"rows": [{"id": 1}]}) == ["take"]
    assert played(skill, {"rows": []}) == ["abort"]


# What a call needs ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fee", "most", "then"),
    [
        (1, 2, ["pay"]),
        (2, 2, ["guard"]),
        (3, 2, ["abort"]),
        (1, None, ["guard"]),
        (None, 2, ["guard"]),
        ("1", 2, ["guard"]),
    ],
)
def test_both_sides_of_a_limit_are_told_by_as_few_guards_as_stop_at_equality(fee, most, then):
    tree = fork(BELOW, (True, leaf("pay")), (False, leaf("abort")))
    skill = program(tree, requires={"pay": [(ABOVE, False), (BELOW, True)], "abort": [(ABOVE, True)]})
    assert asked(skill) == [BELOW.on, ABOVE.on]
    assert played(skill, {"fee": fee}, most=most) == then


def test_what_a_call_needs_is_asked_once_however_often_it_is_named():
    skill = program(leaf("pay"), requires={"pay": [(READY, True), (READY, True)]})
    assert asked(skill) == [READY.on]


def test_a_call_that_needs_what_a_guard_above_rules_out_is_never_made():
    tree = fork(READY, (True, leaf("look")), (False, leaf("pay")))
    skill = program(tree, requires={"pay": [(READY, True)]})
    assert [call["tool"] for call in calls_in(skill.body)] == ["look"]
    assert played(skill, {}, most=0) == ["guard"]


def test_one_call_after_the_other_keeps_to_what_each_needs():
    tree = fork(AFTER, ("", leaf("look")), ("look", leaf("take")), ("take", leaf("pay")), ("pay", leaf(END)))
    skill = program(tree, requires={"take": [(VIEW, "list")], "pay": [(NO_ROW, False)]})
    assert all(stmt["do"] != "retry" for stmt in skill.body)
    listed, rows = {"view": "list"}, {"view": "cart", "rows": [{"id": 1}]}
    assert played(skill, {}, listed, rows) == ["look", "take", "pay"]
    assert played(skill, {}, {"view": "page"}) == ["look", "guard"]
    assert played(skill, {}, {}) == ["look", "guard"]
    assert played(skill, {}, listed, {"rows": []}) == ["look", "take", "guard"]
    assert "only where last/view is 'list'\ntake()" in as_text(skill)


def test_where_nobody_began_a_program_stops_and_does_not_say_that_it_is_done():
    skill = program(fork(AFTER, ("look", leaf("take")), ("take", leaf(END))))
    assert played(skill, {}) == ["guard"]


def test_after_what_was_the_last_call_in_all_sessions_it_goes_on_as_after_its_kin():
    tree = fork(AFTER, ("", leaf("look")), ("look", fork(READY, (True, leaf("take")), (False, leaf("pay")))))
    skill = program(tree, kin={"look": ["look", "take"]})
    assert played(skill, {}, {}, {}) == ["look", "take", "take"]
    assert skill.body[0]["again"] == ALWAYS
