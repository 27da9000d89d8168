"""The program language: its JSON form, its hash, and what is said of records that are none of it."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from practicum.skills.check import DEEPEST, LARGEST_PROGRAM
from practicum.skills.language import BadSkill, Effects, Skill, calls_in, check_program
from practicum.skills.schema import PROGRAM_SCHEMA
from tests.skills.programs import JSON, PARTS, mutants, skills, statements_in
from tests.skills.stall_skills import BUY, call, skill

BY_SCHEMA = Draft202012Validator(PROGRAM_SCHEMA)
slowly = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def refusal(record: Any) -> str | None:
    try:
        check_program(record)
    except BadSkill as error:
        return str(error)
    return None


def renamed(program: Skill, names: dict[str, str]) -> Skill:
    """The program with other names for its statements."""
    parts = {key: renamed_part(getattr(program, key), names) for key in ("pre", "body", "post")}
    return Skill.from_json({**program.as_json(), **parts})


def renamed_part(node: Any, names: dict[str, str]) -> Any:
    if isinstance(node, list | tuple):
        return [renamed_part(part, names) for part in node]
    if not isinstance(node, dict):
        return node
    found = {key: renamed_in(key, part, names) for key, part in node.items()}
    if node.get("on") == {"after": True}:
        found |= {key: named_anew(node[key], names) for key in ("yes", "no") if key in node}
        cases = [{**case, "is": named_anew(case["is"], names)} for case in found.get("cases", ())]
        found |= {"cases": cases} if cases else {}
    return found


def named_anew(values: list[Any], names: dict[str, str]) -> list[Any]:
    return [names.get(each, each) if isinstance(each, str) else each for each in values]


def renamed_in(key: str, part: Any, names: dict[str, str]) -> Any:
    if key in NAMING and isinstance(part, str):
        return names.get(part, part)
    if key == "args":
        return {name: renamed_part(expr, names) for name, expr in part.items()}
    return part if key in ("const", "lookup", "yes", "no", "is", "with") else renamed_part(part, names)


NAMING = ("id", "ref", "row", "refused")


def test_the_order_of_keys_tells_no_programs_apart():
    first, second = ({"do": "call", "id": name, "tool": name, "args": {}} for name in ("ask", "tell"))
    cond = {"on": {"after": True}, "yes": [], "no": []}
    parts = {"do": "if", "cond": cond, "then": [first], "else": [second]}
    one = Skill.from_json({**BUY.as_json(), "body": [parts]})
    other = Skill.from_json({**BUY.as_json(), "body": [dict(reversed(parts.items()))]})
    assert one.tools == other.tools == ("ask", "tell")
    assert one.hash == other.hash


@slowly
@given(skills())
def test_every_program_survives_the_way_through_json(program):
    record = json.loads(json.dumps(program.as_json()))
    again = Skill.from_json(record)
    assert again.as_json() == record == program.as_json()
    assert again.hash == program.hash
    assert (
        again.tools
        == program.tools
        == tuple(dict.fromkeys(s["tool"] for s in statements_in(program.body) if s["do"] == "call"))
    )


@slowly
@given(st.data())
def test_every_part_of_the_schema_is_accepted_in_a_program(data):
    for name, sort in (("pred", "pre"), ("expr", "body"), ("guard", "body")):
        part = data.draw(PARTS[name])
        body = [call("a", "t", x=part)] if name == "expr" else [{"do": "if", "cond": part, "then": []}]
        record = BUY.as_json() | {"body": body, "pre": [part] if sort == "pre" else []}
        assert refusal(record | ({"body": []} if sort == "pre" else {})) is None


@slowly
@given(skills(), st.permutations(range(40)))
def test_programs_that_differ_in_their_statements_names_alone_have_one_hash(program, order):
    called = [stmt["id"] for stmt in statements_in(program.body) if "id" in stmt]
    names = {name: f"n{order[number % 40]}_{number}" for number, name in enumerate(called)}
    assert renamed(program, names).hash == program.hash


def test_names_in_guards_and_cases_by_the_last_call_are_renamed_too():
    after = {"after": True}
    guard = {"do": "if", "cond": {"on": after, "yes": ["a"], "no": ["b", ""]}, "then": [call("b", "pay")]}
    case = {"do": "switch", "on": after, "cases": [{"is": ["a"], "body": []}, {"is": ["b"], "body": []}]}
    program = skill(call("a", "search"), guard, case)
    other = renamed(program, {"a": "first", "b": "second"})
    assert "first" in str(other.body)
    assert other.hash == program.hash
    assert renamed(program, {"a": "b", "b": "a"}).hash == program.hash
    swapped = json.loads(json.dumps(program.as_json()).replace('["a"]', '["x"]'))
    assert Skill.from_json(swapped).hash != program.hash


def test_values_that_look_like_names_are_no_names():
    one, other = (skill(call("a", "t", x={"const": {"ref": name}})) for name in ("a", "b"))
    assert one.hash != other.hash
    assert one.hash == renamed(one, {"a": "z"}).hash
    assert (
        skill(call("a", "t", x={"ref": "a", "path": ""})).hash
        != skill(call("a", "t", x={"ref": "s0", "path": ""})).hash
    )
    assert skill(call("a", "t", x={"const": {"do": "call", "id": "a", "tool": "u"}})).tools == ("t",)


@slowly
@given(skills(), st.data())
def test_programs_that_differ_otherwise_differ_in_their_hash(program, data):
    record = program.as_json()
    changed = deepcopy(record)
    stmt = data.draw(st.sampled_from(list(statements_in(changed["body"]))))
    if stmt["do"] == "call":
        stmt["tool"] += "_2"
    elif stmt["do"] in ("foreach", "retry"):
        stmt["max"] = stmt.get("max", 999) + 1
    else:
        changed["body"].append(call("another", "look"))
    assert Skill.from_json(changed).hash != program.hash
    assert Skill.from_json(record | {"env_version": 2}).hash != program.hash
    assert Skill.from_json(record | {"max_calls": 9}).hash != program.hash


def test_name_version_description_evidence_and_effects_do_not_count():
    other = BUY.named("skill_other", 7, "Another.")
    record = other.as_json() | {"evidence": {"traces": 9}, "effects": {"destructive": True}}
    assert Skill.from_json(record).hash == BUY.hash
    assert Skill.from_json(record).effects == Effects(destructive=True)


# What is no skill -------------------------------------------------------------------------------------


@slowly
@given(JSON | mutants())
def test_what_is_no_skill_is_told_in_one_line(record):
    text = refusal(record)
    if text is None:
        assert Skill.from_json(record).as_json()["body"] == record["body"]
    else:
        assert text.startswith("no skill: ")
        assert text.isprintable()
        assert len(text) < 400


@slowly
@given(mutants())
def test_what_is_accepted_is_what_the_schema_allows(record):
    try:
        json.dumps(record, allow_nan=False)
    except ValueError:
        assert refusal(record) is not None
        return
    if BY_SCHEMA.is_valid(record):
        assert refusal(record) is None or "are called" in str(refusal(record))
    else:
        assert refusal(record) is not None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"body": [{"do": "jump", "id": "a"}]}, "body/0: {'do': 'jump', 'id': 'a'} is none of call, select"),
        ({"body": [{"do": "call", "id": "a", "tool": "t"}]}, "body/0: it has no 'args'"),
        ({"body": [call("a", "t", x={"eval": "1"})]}, "body/0/args/x: {'eval': '1'} is none of const, param"),
        ({"body": [call("a", "t", x={"const": 1, "param": "y"})]}, "is none of"),
        ({"body": [call("a", "t", x={"ref": "a"})]}, "body/0/args/x: it has no 'path'"),
        ({"body": [{"do": "done", "now": 1}]}, "body/0: 'now' is not known here; known are do"),
        ({"body": [call("open", "t")]}, "body/0/id: 'open' must be like"),
        ({"body": [call("", "t")]}, "body/0/id"),
        ({"body": [call("a\n", "t")]}, "body/0/id"),
        (
            {"body": [{"do": "foreach", "id": "a", "over": {"const": []}, "body": [], "max": 1001}]},
            "at most 1000",
        ),
        ({"body": [{"do": "done"}] * 201}, "body: it has 201 items"),
        ({"body": [call("a", "t"), call("a", "u")]}, "two different statements are called 'a'"),
        ({"pre": [{"eq": [{"const": 1}]}]}, "pre/0/eq: it has 1 items, expected 2 to 2"),
        ({"name": "Skill"}, "name: 'Skill' must be like"),
        ({"name": "skill\n"}, "name: "),
        ({"version": True}, "version: True is no integer"),
        ({"max_calls": 0}, "max_calls: 0 must be at least 1"),
        ({"params": {"properties": 5}}, "params/properties: 5 is no object"),
        ({"evidence": {"x": float("nan")}}, "it is no JSON"),
        ({"evidence": {1: 2}}, "a key is no text"),
        ({"evidence": {"x": 10**5000}}, "it is no JSON"),
        ({"description": "x" * 4001}, "as many characters as 4000"),
        ({"evidence": {"x": "x" * LARGEST_PROGRAM}}, f"{LARGEST_PROGRAM} is the most"),
        ({"ir": 2}, "version 2 of the language, this knows 1"),
        ({"surprise": 1}, "the record: 'surprise' is not known here"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(change, said):
    assert said in str(refusal(BUY.as_json() | change))


def test_records_of_other_kinds_are_none():
    for record in (None, 5, "skill", [], [BUY.as_json()]):
        assert refusal(record) is not None
    assert "it has no 'body'" in str(
        refusal({key: part for key, part in BUY.as_json().items() if key != "body"})
    )


def test_depth_costs_neither_time_nor_the_stack():
    expr: Any = {"param": "x"}
    for _ in range(3 * DEEPEST - 8):
        expr = {"cast": "string", "of": expr}
    assert refusal(BUY.as_json() | {"body": [call("a", "t", x=expr)]}) is None
    for _ in range(100_000):
        expr = {"cast": "string", "of": expr}
    assert "levels deep" in str(refusal(BUY.as_json() | {"body": [call("a", "t", x=expr)]}))
    body: Any = []
    for number in range(DEEPEST):
        body = [
            {
                "do": "retry",
                "id": f"r{number}",
                "body": body,
                "again": {"on": {"const": 1}, "yes": [], "no": [1]},
            }
        ]
    assert refusal(BUY.as_json() | {"body": body}) is None
    assert list(calls_in(body)) == []
