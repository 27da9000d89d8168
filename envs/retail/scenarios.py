"""What customers want: a wish of each of eight kinds, drawn from a world with the calls that fulfil it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, get_args

import numpy as np

from practicum.envs.errors import UsageError
from practicum.envs.retail.desk import Desk
from practicum.envs.retail.scripts import (
    Call,
    changed_mind,
    payment_fact,
    question_of,
    reason_fact,
    script_of,
)
from practicum.envs.retail.tools import apply_call
from practicum.envs.retail.tools.pending import REASONS
from practicum.envs.retail.world import Row, World

Scenario = Literal[
    "order_cancellation",
    "order_modification",
    "item_return",
    "item_exchange",
    "address_change",
    "payment_update",
    "order_inquiry",
    "product_inquiry",
]
SCENARIOS: tuple[Scenario, ...] = get_args(Scenario)
T = TypeVar("T")
_OF_TOOL: Mapping[str, Scenario] = {
    "cancel_pending_order": "order_cancellation",
    "modify_pending_order_items": "order_modification",
    "modify_pending_order_payment": "payment_update",
    "modify_pending_order_address": "address_change",
    "modify_user_address": "address_change",
    "return_delivered_order_items": "item_return",
    "exchange_delivered_order_items": "item_exchange",
}

_TRIES = 200
"""Draws before a world is said not to hold a scenario."""
_CHANGES_MIND = 0.25
_MOST_ITEMS = 3


class _Unsuited(Exception):  # noqa: N818  # says what was drawn
    """What was drawn does not make a task; another draw may."""


@dataclass(frozen=True)
class Request:
    """What a customer wants, and all that makes a task of it."""

    scenario: Scenario
    user_id: str
    actions: tuple[Call, ...]
    """The calls that serve the customer, those that look things up included."""
    customer: Mapping[str, Any]
    """The script of a `ScriptedCustomer`."""
    outputs: tuple[str, ...] = ()
    """What the customer must be told."""

    @property
    def instruction(self) -> str:
        """What the customer knows and wants, in one text, as a chat model that plays them is told."""
        said = [f"You are {self.customer['name']}. You say of yourself and of what you want:"]
        said.append(self.customer["knows"])
        for wish in self.customer["wishes"]:
            said += [wish["wish"], *{**wish["facts"], **wish.get("first", {})}.values()]
            if "change" in wish:
                said.append(f"When you are asked to confirm, you say: {wish['change']}")
        return " ".join(said)


@dataclass(frozen=True)
class _Draft:
    """A wish as it is drawn: who wants it, the calls after the customer is known, and how it is told."""

    user_id: str
    calls: tuple[Call, ...]
    question: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    other: tuple[str, str] | None = None
    """A topic, and what is said of it before the customer changes their mind."""


def scenario_of(actions: Sequence[Call]) -> Scenario:
    """The scenario of a plan: that of its first change, or an inquiry."""
    names = [call["name"] for call in actions]
    changes = (scenario for name in names if (scenario := _OF_TOOL.get(name)))
    asks_for_goods = "get_product_details" in names and "get_order_details" not in names
    return next(changes, "product_inquiry" if asks_for_goods else "order_inquiry")


def draw_request(world: World, random: np.random.Generator, scenario: Scenario) -> Request:
    """A customer of a world and a wish of a kind that can be fulfilled there.

    Raises:
        UsageError: the world holds none; says of which kind.
    """
    draw = _DRAWS[scenario]
    for _ in range(_TRIES):
        try:
            return _request(world, random, scenario, draw(world, random))
        except _Unsuited:
            continue
    raise UsageError(f"the retail world holds nothing for {scenario!r}: {_TRIES} draws gave no task")


def _request(world: World, random: np.random.Generator, scenario: Scenario, draft: _Draft) -> Request:
    knows, first = _identified(world, random, draft.user_id)
    customer = script_of(world, draft.user_id, draft.calls, knows=knows)
    if draft.question:
        customer["wishes"] = [question_of(draft.question, draft.outputs, draft.facts)]
    if draft.other is not None:
        customer["wishes"] = [changed_mind(customer["wishes"][0], *draft.other)]
    return Request(scenario, draft.user_id, (first, *draft.calls), customer, draft.outputs)


def _identified(world: World, random: np.random.Generator, user_id: str) -> tuple[str, Call]:
    """How a user says who they are, and the lookup that finds them and nobody else."""
    user = world.users[user_id]
    name = {key: user["name"][key] for key in ("first_name", "last_name")}
    ways = {
        "email": _call("find_user_id_by_email", email=user["email"]),
        "zip": _call("find_user_id_by_name_zip", **name, zip=user["address"]["zip"]),
    }
    for knows in random.permutation(list(ways)).tolist():
        if apply_call(Desk(world), ways[knows]["name"], ways[knows]["arguments"]) == user_id:
            return knows, ways[knows]
    raise _Unsuited


def _call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"name": name, "arguments": arguments}


def _pick(random: np.random.Generator, things: Sequence[T]) -> T:
    if not things:
        raise _Unsuited
    return things[int(random.integers(len(things)))]


def _order(world: World, random: np.random.Generator, status: str) -> tuple[Row, Row]:
    """An order of a status, and whose it is."""
    order = world.orders[_pick(random, world.orders_by_status.get(status, ()))]
    if order["user_id"] not in world.users:
        raise _Unsuited
    return order, world.users[order["user_id"]]


# Changes


def _cancellation(world: World, random: np.random.Generator) -> _Draft:
    order, _ = _order(world, random, "pending")
    reason, other = random.permutation(REASONS).tolist()
    calls = (_shown(order), _call("cancel_pending_order", order_id=order["order_id"], reason=reason))
    changes = random.random() < _CHANGES_MIND
    return _Draft(order["user_id"], calls, other=("reason", reason_fact(other)) if changes else None)


def _modification(world: World, random: np.random.Generator) -> _Draft:
    return _swap(world, random, "pending", "modify_pending_order_items")


def _exchange(world: World, random: np.random.Generator) -> _Draft:
    return _swap(world, random, "delivered", "exchange_delivered_order_items")


def _swap(world: World, random: np.random.Generator, status: str, tool: str) -> _Draft:
    order, user = _order(world, random, status)
    items = _some_items(order, random)
    variants = [_other_variant(world, random, item) for item in items]
    difference = sum(new["price"] - old["price"] for new, old in zip(variants, items, strict=True))
    methods = [key for key, method in user["payment_methods"].items() if _can_pay(method, difference)]
    method = _pick(random, methods)
    looked_up = dict.fromkeys(item["product_id"] for item in items)
    swap = _call(
        tool,
        order_id=order["order_id"],
        item_ids=[item["item_id"] for item in items],
        new_item_ids=[variant["item_id"] for variant in variants],
        payment_method_id=method,
    )
    calls = (_shown(order), *(_call("get_product_details", product_id=each) for each in looked_up), swap)
    return _Draft(order["user_id"], calls, other=_other_method(random, methods, method))


def _some_items(order: Row, random: np.random.Generator) -> list[Row]:
    """One to three different items of an order, in its order."""
    items = list({item["item_id"]: item for item in order["items"]}.values())
    if not items:
        raise _Unsuited
    count = int(random.integers(1, min(len(items), _MOST_ITEMS) + 1))
    places = sorted(random.choice(len(items), size=count, replace=False).tolist())
    return [items[place] for place in places]


def _other_variant(world: World, random: np.random.Generator, item: Row) -> Row:
    variants = world.products.get(item["product_id"], {}).get("variants", {}).values()
    return _pick(random, [v for v in variants if v["available"] and v["item_id"] != item["item_id"]])


def _can_pay(method: Row, amount: float) -> bool:
    return bool(method["source"] != "gift_card" or method.get("balance", 0) >= round(amount, 2))


def _other_method(random: np.random.Generator, methods: Sequence[str], chosen: str) -> tuple[str, str] | None:
    """Now and then the method that the customer speaks of before they change their mind."""
    others = [each for each in methods if each != chosen]
    if not others or random.random() >= _CHANGES_MIND:
        return None
    return ("payment", payment_fact(_pick(random, others)))


def _return(world: World, random: np.random.Generator) -> _Draft:
    order, user = _order(world, random, "delivered")
    first = order["payment_history"][0]["payment_method_id"]
    methods = [key for key in user["payment_methods"] if key == first or "gift_card" in key]
    method = _pick(random, methods)
    back = _call(
        "return_delivered_order_items",
        order_id=order["order_id"],
        item_ids=[item["item_id"] for item in _some_items(order, random)],
        payment_method_id=method,
    )
    other = _other_method(random, methods, method)
    return _Draft(order["user_id"], (_shown(order), back), other=other)


def _address(world: World, random: np.random.Generator) -> _Draft:
    address = _pick(random, list(world.users.values()))["address"]
    fields = {
        key: address.get(key, "") for key in ("address1", "address2", "city", "state", "country", "zip")
    }
    if random.random() < 0.5:
        order, _ = _order(world, random, "pending")
        _check_moves(order, fields)
        move = _call("modify_pending_order_address", order_id=order["order_id"], **fields)
        return _Draft(order["user_id"], (_shown(order), move))
    user_id = _pick(random, list(world.users))
    _check_moves(world.users[user_id], fields)
    move = _call("modify_user_address", user_id=user_id, **fields)
    return _Draft(user_id, (_call("get_user_details", user_id=user_id), move))


def _check_moves(record: Row, address: Mapping[str, str]) -> None:
    """See that an address is not the one that an order or a user has already."""
    if record["address"] == address:
        raise _Unsuited


def _payment(world: World, random: np.random.Generator) -> _Draft:
    order, user = _order(world, random, "pending")
    if len(order["payment_history"]) != 1:
        raise _Unsuited
    paid = order["payment_history"][0]
    methods = [
        key
        for key, method in user["payment_methods"].items()
        if key != paid["payment_method_id"] and _can_pay(method, paid["amount"])
    ]
    method = _pick(random, methods)
    change = _call("modify_pending_order_payment", order_id=order["order_id"], payment_method_id=method)
    look = _call("get_user_details", user_id=order["user_id"])
    other = _other_method(random, methods, method)
    return _Draft(order["user_id"], (_shown(order), look, change), other=other)


def _shown(order: Row) -> Call:
    return _call("get_order_details", order_id=order["order_id"])


# Questions


def _order_inquiry(world: World, random: np.random.Generator) -> _Draft:
    order = world.orders[_pick(random, list(world.orders))]
    if order["user_id"] not in world.users:
        raise _Unsuited
    question, output = _pick(random, list(_order_questions(order)))
    facts = {"order": f"It is order {order['order_id']}."}
    return _Draft(order["user_id"], (_shown(order),), question=question, facts=facts, outputs=(output,))


def _order_questions(order: Row) -> Iterator[tuple[str, str]]:
    yield "I would like to know what I paid for an order.", f"{order['payment_history'][0]['amount']:.2f}"
    yield "I would like to know how an order of mine stands.", order["status"]
    for item in order["items"][:1]:
        yield (
            f"I would like to know what the {item['name']} in an order of mine cost.",
            f"{item['price']:.2f}",
        )
    tracking_ids = [each for delivery in order.get("fulfillments", ()) for each in delivery["tracking_id"]]
    for tracking_id in tracking_ids[:1]:
        yield "I would like to have the tracking id of an order.", tracking_id


def _product_inquiry(world: World, random: np.random.Generator) -> _Draft:
    user_id = _pick(random, list(world.users))
    product = world.products[_pick(random, list(world.products))]
    offered = [variant for variant in product["variants"].values() if variant["available"]]
    if not offered:
        raise _Unsuited
    name = product["name"]
    prices = [variant["price"] for variant in offered]
    questions = [
        (f"What does the cheapest {name} cost that you have?", f"{min(prices):.2f}"),
        (f"What does the most expensive {name} cost that you have?", f"{max(prices):.2f}"),
        (f"How many kinds of {name} can I buy at the moment?", f"{len(offered)}"),
    ]
    question, output = _pick(random, questions)
    calls = (_call("list_all_product_types"), _call("get_product_details", product_id=product["product_id"]))
    return _Draft(user_id, calls, question=question, outputs=(output,))


_DRAWS: Mapping[Scenario, Callable[[World, np.random.Generator], _Draft]] = {
    "order_cancellation": _cancellation,
    "order_modification": _modification,
    "item_return": _return,
    "item_exchange": _exchange,
    "address_change": _address,
    "payment_update": _payment,
    "order_inquiry": _order_inquiry,
    "product_inquiry": _product_inquiry,
}
