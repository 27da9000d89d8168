"""Items that take the place of others of the same product: which may, and what the difference is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from practicum.envs.errors import ActionError
from practicum.envs.retail.desk import Desk, holds_all
from practicum.envs.retail.world import Row


def price_difference(desk: Desk, order: Row, item_ids: list[str], new_item_ids: list[str]) -> float:
    """What the new items cost beyond the old ones, not rounded; below zero where they are cheaper.

    Raises:
        ActionError: an old item is not in the order, the numbers differ, or a new one cannot be had.
    """
    missing = holds_all(item_ids, (item["item_id"] for item in order["items"]))
    if missing is not None:
        raise ActionError(f"{missing} not found")
    if len(item_ids) != len(new_item_ids):
        raise ActionError("the number of items to be exchanged should match")
    return sum(_differences(desk, order, item_ids, new_item_ids))


def _differences(desk: Desk, order: Row, item_ids: list[str], new_item_ids: list[str]) -> Iterator[float]:
    for item_id, new_item_id in zip(item_ids, new_item_ids, strict=True):
        item = next(item for item in order["items"] if item["item_id"] == item_id)
        variant = desk.product(item["product_id"])["variants"].get(new_item_id)
        if variant is None or not variant["available"]:
            raise ActionError(f"new item {new_item_id} not found or available")
        yield variant["price"] - item["price"]


def swapped(desk: Desk, order: Row, item_ids: list[str], new_item_ids: list[str]) -> list[dict[str, Any]]:
    """The items of an order after each swap in turn; of equal items the first that is left is swapped."""
    items = [dict(item) for item in order["items"]]
    for item_id, new_item_id in zip(item_ids, new_item_ids, strict=True):
        item = next(item for item in items if item["item_id"] == item_id)
        variant = desk.product(item["product_id"])["variants"][new_item_id]
        item.update(item_id=new_item_id, price=variant["price"], options=variant["options"])
    return items


def check_balance(method: Row, amount: float, refusal: str) -> None:
    """See that a gift card can pay; other methods always can.

    Raises:
        ActionError: with the refusal, when it cannot.
    """
    if method["source"] == "gift_card" and method.get("balance", 0) < amount:
        raise ActionError(refusal)
