"""Skills written by hand for flight-v1, small enough to be read, each with a behaviour of its own."""

from __future__ import annotations

from typing import Any

from practicum.skills.language import Skill

NO_ARGUMENTS = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
BOOKING = {"booking_id": {"ref": "open", "path": "/booking/id"}}
TRIP = {"from": {"param": "origin"}, "to": {"param": "destination"}, "date": {"param": "date"}}


def only(kind: str) -> tuple[dict[str, Any], ...]:
    """The precondition that tasks are of a kind."""
    return ({"eq": [{"param": "kind"}, {"const": kind}]},)


def call(name: str, tool: str, args: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A statement that calls a tool."""
    return {"do": "call", "id": name, "tool": tool, "args": args or {}, **more}


def a_skill(name: str, *body: dict[str, Any], pre: tuple[dict[str, Any], ...] = (), **fields: Any) -> Skill:
    """A flight skill of these statements."""
    return Skill(name, 1, "flight", 1, NO_ARGUMENTS, body, pre, **fields)


CANCEL = a_skill(
    "skill_cancel_booking",
    call("a", "cancel_booking", BOOKING),
    pre=only("cancel"),
    description="Cancels the booking that the task begins with.",
)
"""Does all that a task of kind `cancel` asks for, where the fee allows it."""
LOOK = a_skill(
    "skill_look",
    call("a", "search_flights", TRIP),
    call("b", "apply_coupon", {"code": {"const": "NONE"}}),
    call("c", "proceed_to_payment"),
    pre=only("book"),
    description="Searches the flights of the day.",
)
"""Makes two calls and stops at the second, which is refused."""
GIVE_UP = a_skill("skill_give_up", call("a", "abort"), description="Declines whatever is asked for.")
"""Finishes every task, most of them wrong."""
