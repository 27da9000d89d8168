"""What a scripted customer says of each call that they want: the wish, its facts, the ids that fit it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from practicum.envs.retail.tools import CHANGES
from practicum.envs.retail.world import Row, World

Call = Mapping[str, Any]
"""`{"name": tool, "arguments": {…}}`."""

WISHES = {
    "cancel_pending_order": "I would like to cancel an order.",
    "modify_pending_order_items": "I would like to change items of an order that has not been sent yet.",
    "modify_pending_order_payment": "I would like to pay for an order in another way.",
    "modify_pending_order_address": "I would like to have an order sent to another address.",
    "modify_user_address": "I have moved, and my address in my profile is to be changed.",
    "return_delivered_order_items": "I would like to return something that was delivered to me.",
    "exchange_delivered_order_items": "I would like to exchange something that was delivered to me.",
}
"""How each change is brought up."""
_REASONS = {
    "no longer needed": "It is no longer needed.",
    "ordered by mistake": "It was ordered by mistake.",
}


def script_of(
    world: World,
    user_id: str,
    actions: Sequence[Call],
    *,
    question: str = "",
    outputs: Sequence[str] = (),
    knows: str = "email",
) -> dict[str, Any]:
    """The script of a customer who wants what some calls do, in their order, and to be told something.

    Args:
        world: as it is before.
        user_id: who they are.
        actions: calls; those that only look say nothing of what is wanted.
        question: what they ask for beside the changes, in their words.
        outputs: what they must be told.
        knows: how they can say who they are: `email` or `zip`.
    """
    user = world.users[user_id]
    wishes = [wish_of(world, call) for call in actions if call["name"] in CHANGES]
    if question or not wishes:
        wishes.append(question_of(question or "I have a question.", outputs))
    name = f"{user['name']['first_name']} {user['name']['last_name']}"
    proof = f"email is {user['email']}" if knows == "email" else f"zip code is {user['address']['zip']}"
    return {"name": name, "knows": f"My name is {name} and my {proof}.", "wishes": wishes}


def question_of(
    question: str, outputs: Sequence[str], facts: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The wish to be told something."""
    return {
        "wish": question,
        "facts": dict(facts or {}),
        "ids": [],
        "outputs": list(outputs),
    }


def wish_of(world: World, call: Call) -> dict[str, Any]:
    """The wish for what a call does."""
    arguments = call["arguments"]
    order = world.orders.get(arguments.get("order_id", ""), {})
    wish = {
        "wish": WISHES[call["name"]],
        "facts": _facts(world, order, arguments),
        "ids": _ids(order, arguments),
    }
    if "address1" not in arguments:
        return wish
    before = order or world.users.get(arguments.get("user_id", ""), {})
    number = str(arguments["address1"]).partition(" ")[0]
    return {
        **wish,
        "ids": [*wish["ids"], *filter(None, [before.get("address", {}).get("zip")])],
        "address": [part for part in (number, str(arguments["zip"])) if part],
    }


def changed_mind(wish: Mapping[str, Any], topic: str, first: str) -> dict[str, Any]:
    """A wish of which one fact is another until a yes is asked for."""
    change = f"Wait, I have changed my mind. {wish['facts'][topic]}"
    return {**wish, "first": {topic: first}, "change": change}


def _facts(world: World, order: Row, arguments: Mapping[str, Any]) -> dict[str, str]:
    facts = {}
    if "order_id" in arguments:
        facts["order"] = f"It is order {arguments['order_id']}."
    if "item_ids" in arguments:
        facts["items"] = f"It is about {_named(order, arguments['item_ids'])}."
    if "new_item_ids" in arguments:
        facts["replacement"] = f"Instead I want {_offered(world, arguments['new_item_ids'])}."
    if "payment_method_id" in arguments:
        facts["payment"] = payment_fact(arguments["payment_method_id"])
    if "reason" in arguments:
        facts["reason"] = reason_fact(arguments["reason"])
    if "address1" in arguments:
        facts["address"] = f"The new address is {_address(arguments)}."
    return facts


def reason_fact(reason: str) -> str:
    """Why an order is to be cancelled."""
    return _REASONS.get(reason, f"The reason is: {reason}.")


def payment_fact(payment_method_id: str) -> str:
    """Which payment method is to be used."""
    return f"Please use the payment method {payment_method_id}."


def _ids(order: Row, arguments: Mapping[str, Any]) -> list[str]:
    """Every id (or reason) that fits the wish: those of the call, and what else stands in the order."""
    named = [
        order.get("order_id"),
        *(arguments.get(key) for key in ("order_id", "payment_method_id", "reason")),
    ]
    named += arguments.get("item_ids", []) + arguments.get("new_item_ids", [])
    named += [item[key] for item in order.get("items", ()) for key in ("item_id", "product_id")]
    if "payment_method_id" not in arguments:
        named += [payment["payment_method_id"] for payment in order.get("payment_history", ())]
    return list(dict.fromkeys(each for each in named if each))


def _named(order: Row, item_ids: Sequence[str]) -> str:
    items = {item["item_id"]: item for item in order.get("items", ())}
    return _listed([_item_words(items[each]) if each in items else each for each in item_ids])


def _item_words(item: Row) -> str:
    return f"the {item['name']} ({options_words(item['options'])})"


def _offered(world: World, new_item_ids: Sequence[str]) -> str:
    found = {
        item_id: f"a {product['name']} ({options_words(variant['options'])})"
        for product in world.products.values()
        for item_id, variant in product["variants"].items()
        if item_id in new_item_ids
    }
    return _listed([found.get(each, each) for each in new_item_ids])


def options_words(options: Mapping[str, str]) -> str:
    """Options as one says them: `color: black, size: M`."""
    return ", ".join(f"{name}: {value}" for name, value in options.items())


def _address(arguments: Mapping[str, Any]) -> str:
    parts = (arguments.get(key) for key in ("address1", "address2", "city", "state", "country", "zip"))
    return ", ".join(part for part in parts if part)


def _listed(words: Sequence[str]) -> str:
    *most, last = words or ["nothing"]
    return f"{', '.join(most)} and {last}" if most else last
