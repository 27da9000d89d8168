"""How an order of a generated world comes about: bought, paid, delivered, perhaps changed by the tools."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np

from practicum.envs.retail.desk import Desk
from practicum.envs.retail.tools.delivered import exchange_delivered_order_items, return_delivered_order_items
from practicum.envs.retail.tools.pending import REASONS, cancel_pending_order, modify_pending_order_items
from practicum.envs.retail.world import Row

Random = np.random.Generator
T = TypeVar("T")

SHARES: Mapping[str, float] = {
    "pending": 0.38,
    "pending (item modified)": 0.03,
    "processed": 0.1,
    "delivered": 0.36,
    "return requested": 0.03,
    "exchange requested": 0.03,
    "cancelled": 0.07,
}
"""How the orders of a world are spread over the statuses."""
_SENT = ("processed", "delivered", "return requested", "exchange requested")
_MOST_ITEMS = 5


class Fresh(Protocol):
    """Where new numbers come from."""

    def new(self, digits: int) -> str:
        """Digits that were not given out before."""


def draw_order(desk: Desk, random: Random, numbers: Fresh) -> None:
    """Have some user order something, and add it to the desk's orders."""
    user_id = _pick(random, list(desk.world.users))
    user, order_id = desk.user(user_id), f"#W{numbers.new(7)}"
    status = _drawn_status(random)
    items = [_item(_pick(random, list(desk.world.products.values())), random) for _ in range(_count(random))]
    method = _payer(random, user, round(sum(item["price"] for item in items), 2))
    if method is None:
        return draw_order(desk, random, numbers)
    order = _paid_order(order_id, user_id, user, items, method)
    if status in _SENT:
        parcel = {"tracking_id": [numbers.new(12)], "item_ids": [item["item_id"] for item in items]}
        order["fulfillments"] = [parcel]
    order["status"] = {"processed": "processed"}.get(status, "delivered" if status in _SENT else "pending")
    desk.orders[order_id] = order
    desk.change_user(user_id, orders=[*user["orders"], order_id])
    if status in _LATER:
        _LATER[status](desk, random, order)
    return None


def _drawn_status(random: Random) -> str:
    chance, reached = float(random.random()), 0.0
    for status, share in SHARES.items():
        reached += share
        if chance < reached:
            return status
    return "delivered"


def _count(random: Random) -> int:
    return int(random.integers(1, _MOST_ITEMS + 1))


def _item(product: Row, random: Random) -> dict[str, Any]:
    variant = _pick(random, list(product["variants"].values()))
    return {
        "name": product["name"],
        "product_id": product["product_id"],
        "item_id": variant["item_id"],
        "price": variant["price"],
        "options": variant["options"],
    }


def _payer(random: Random, user: Row, amount: float) -> str | None:
    """A payment method that covers an amount twice over, so that a later change can be paid too."""
    methods = user["payment_methods"]
    able = [key for key, method in methods.items() if method.get("balance", 2 * amount) >= 2 * amount]
    return _pick(random, able) if able else None


def _paid_order(order_id: str, user_id: str, user: Row, items: list[Any], method: str) -> dict[str, Any]:
    payment = {
        "transaction_type": "payment",
        "amount": round(sum(item["price"] for item in items), 2),
        "payment_method_id": method,
    }
    return {
        "order_id": order_id,
        "user_id": user_id,
        "address": user["address"],
        "items": items,
        "fulfillments": [],
        "status": "pending",
        "payment_history": [payment],
    }


def _cancel(desk: Desk, random: Random, order: Row) -> None:
    cancel_pending_order(desk, order["order_id"], _pick(random, REASONS))


def _modify(desk: Desk, random: Random, order: Row) -> None:
    modify_pending_order_items(desk, order["order_id"], *_swap(desk, random, order))
    changed = desk.order(order["order_id"])
    history = [{**each, "amount": round(each["amount"], 2)} for each in changed["payment_history"]]
    desk.change_order(order["order_id"], payment_history=history)


def _exchange(desk: Desk, random: Random, order: Row) -> None:
    exchange_delivered_order_items(desk, order["order_id"], *_swap(desk, random, order))


def _return(desk: Desk, random: Random, order: Row) -> None:
    item = _pick(random, order["items"])
    return_delivered_order_items(desk, order["order_id"], [item["item_id"]], _first_method(order))


def _swap(desk: Desk, random: Random, order: Row) -> tuple[list[str], list[str], str]:
    """An item, an available one in its place (every product has two), and the method of the order."""
    item = _pick(random, order["items"])
    variants = desk.product(item["product_id"])["variants"].values()
    offered = [v["item_id"] for v in variants if v["available"] and v["item_id"] != item["item_id"]]
    return [item["item_id"]], [_pick(random, offered)], _first_method(order)


def _first_method(order: Row) -> str:
    method: str = order["payment_history"][0]["payment_method_id"]
    return method


_LATER: Mapping[str, Callable[[Desk, Random, Row], None]] = {
    "cancelled": _cancel,
    "pending (item modified)": _modify,
    "return requested": _return,
    "exchange requested": _exchange,
}


def _pick(random: Random, things: Sequence[T]) -> T:
    return things[int(random.integers(len(things)))]
