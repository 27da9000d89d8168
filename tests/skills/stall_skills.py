"""Programs for the stall, written by hand."""

from __future__ import annotations

from typing import Any

from practicum.skills.language import Skill

Json = Any


def param(name: str) -> Json:
    return {"param": name}


def last(path: str) -> Json:
    return {"ref": "last", "path": path}


def call(id: str, tool: str, **args: Json) -> Json:
    return {"do": "call", "id": id, "tool": tool, "args": args}


def within_budget(column: str = "price") -> Json:
    return {"le": [{"col": column}, param("budget")]}


def cheapest(*where: Json) -> Json:
    return {
        "do": "select",
        "id": "best",
        "from": {"seen": "/offers", "key": "id"},
        "where": list(where),
        "by": {"min": {"col": "price"}},
        "distinct": {"tool": "reserve"},
    }


def status_is(yes: list[str], no: list[str]) -> Json:
    return {"on": last("/status"), "yes": yes, "no": no}


PAY = {
    "do": "retry",
    "id": "paying",
    "body": [call("pay", "pay")],
    "again": status_is(["failed"], ["paid"]),
    "max": 40,
}
GIVE_UP = [call("give_up", "give_up"), {"do": "done"}]


def choose(*where: Json) -> list[Json]:
    nothing = {"on": {"missing": {"row": "best", "path": ""}}, "yes": [True], "no": [False]}
    return [
        cheapest(*where),
        {"do": "if", "cond": nothing, "then": GIVE_UP, "else": []},
        call("reserve", "reserve", offer={"row": "best", "path": "/id"}),
    ]


def reserve(*where: Json) -> Json:
    again = status_is(["gone"], ["reserved"])
    return {"do": "retry", "id": "reserving", "body": choose(*where), "again": again, "max": 9}


def skill(*body: Json, name: str = "skill_buy_fruit", pre: tuple[Json, ...] | None = None) -> Skill:
    is_for = ({"eq": [param("job"), {"const": "buy"}]},) if pre is None else pre
    params = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    made = Skill(name=name, version=1, env="stall", env_version=1, params=params, pre=is_for, body=body)
    return Skill.from_json(made.as_json())


SEARCH = call("found", "search", fruit=param("fruit"))
BUY = skill(SEARCH, reserve(within_budget()), PAY)
"""Reserves the cheapest within the budget, or the next, and pays until it works; or else gives up."""
SPENDTHRIFT = skill(SEARCH, reserve(), PAY)
"""Never looks at the budget."""
UNGUARDED = skill(SEARCH, reserve(within_budget()), PAY, pre=())
"""Buys where it should sell."""
TIMID = skill(SEARCH, *choose(within_budget()), PAY, name="skill_timid")
"""Cannot go on where an offer is gone: there is nothing reserved to be paid."""
