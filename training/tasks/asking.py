"""Asking a chat model for JSON about a task, and what it is told of the world."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from practicum.envs.errors import whole
from practicum.envs.retail.env import RetailEnv
from practicum.envs.retail.scenarios import Request
from practicum.envs.retail.tools import CHANGES, LOOKUPS
from practicum.envs.retail.world import World
from practicum.training.llm import ChatModel, ModelFailed
from practicum.training.tasks.proposals import Assignment, NoProposal
from practicum.training.tasks.records import Call, refuse_constant

MOST_ORDERS = 3
"""Orders of a customer that a model is shown."""
MOST_BRACES = 100
"""Places in a reply at which an object is looked for."""
CALLS_FORM = '{"calls": [{"name": "TOOL", "arguments": {}}]}'
_DECODER = json.JSONDecoder(parse_constant=refuse_constant)


def told_of(assignment: Assignment) -> dict[str, Any]:
    """What a model is told of an assignment: the scenario, and what was turned down and why."""
    told: dict[str, Any] = {"scenario": assignment.scenario}
    if assignment.feedback:
        told["feedback"] = list(assignment.feedback)
    if (proposal := assignment.turned_down) is not None:
        told["turned_down"] = {"q": proposal.q, "agt": list(proposal.agt), "ogt": list(proposal.ogt)}
    return told


def asked(model: ChatModel, role: str, question: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON object that a model answers with.

    Args:
        model: that is asked.
        role: what it is to do, and in which form it answers.
        question: what it is told.

    Raises:
        NoProposal: it answers with anything else, or not at all this time.
        ModelUnavailable: it cannot be asked.
    """
    text = whole(json.dumps(dict(question), ensure_ascii=False))
    messages = [{"role": "system", "content": role}, {"role": "user", "content": text}]
    try:
        reply = model.complete(messages).text
    except ModelFailed as error:
        raise NoProposal("model", str(error)) from None
    return _object_in(model.name, reply)


def _object_in(name: str, reply: str) -> dict[str, Any]:
    """The last JSON object that stands in a reply, whatever is said around it."""
    found, place = None, reply.find("{")
    for _ in range(MOST_BRACES):
        if place < 0:
            break
        try:
            found, end = _DECODER.raw_decode(reply, place)
        except (ValueError, RecursionError):
            end = place + 1
        place = reply.find("{", end)
    if not isinstance(found, dict):
        raise NoProposal("reply", f"{name} answered with no JSON object")
    return found


def calls_in(value: Any) -> tuple[Call, ...]:
    """Calls as a model writes them.

    Raises:
        NoProposal: they are none.
    """
    if not isinstance(value, list) or not all(map(_is_call, value)):
        raise NoProposal("reply", f"calls have the form {CALLS_FORM}")
    return tuple({"name": call["name"], "arguments": call["arguments"]} for call in value)


def _is_call(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("name"), str)
        and isinstance(value.get("arguments"), dict)
    )


def texts_in(value: Any) -> tuple[str, ...]:
    """Texts as a model writes them; numbers are taken as they are written.

    Raises:
        NoProposal: they are none.
    """
    if not isinstance(value, list):
        raise NoProposal("reply", "ogt is a list of texts")
    return tuple(str(each) for each in value)


def material(world: World, request: Request) -> dict[str, Any]:
    """The records that a model makes a task of: a customer for whom such a task exists.

    Args:
        world: that has them.
        request: drawn from it; names the customer, the order and the products.
    """
    user = world.users[request.user_id]
    named = [call["arguments"] for call in request.actions]
    order_ids = [each["order_id"] for each in named if "order_id" in each]
    order_ids = list(dict.fromkeys([*order_ids, *user["orders"]]))[:MOST_ORDERS]
    orders = {each: world.orders[each] for each in order_ids if each in world.orders}
    product_ids = [each["product_id"] for each in named if "product_id" in each]
    product_ids += [item["product_id"] for each in orders.values() for item in each["items"]]
    products = {each: world.products[each] for each in product_ids if each in world.products}
    return {"user_id": request.user_id, "user": user, "orders": orders, "products": products}


def tool_list(names: Sequence[str] = (*LOOKUPS, *CHANGES)) -> list[dict[str, Any]]:
    """The tools as a model reads of them."""
    actions = [RetailEnv.actions[name] for name in names]
    return [{"name": a.name, "does": a.description, "arguments": a.schema} for a in actions]
