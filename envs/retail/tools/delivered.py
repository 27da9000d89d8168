"""Tools that take items of a delivered order back, or exchange them."""

from __future__ import annotations

from practicum.envs.errors import ActionError
from practicum.envs.retail.desk import Desk, holds_all
from practicum.envs.retail.tools.swaps import check_balance, price_difference
from practicum.envs.retail.world import Row


def return_delivered_order_items(
    desk: Desk, order_id: str, item_ids: list[str], payment_method_id: str
) -> Row:
    """Ask for the return of items; the money goes to the first payment method or to a gift card."""
    order = desk.order(order_id, "delivered", "non-delivered order cannot be returned")
    desk.payment_method(order, payment_method_id)
    first = order["payment_history"][0]["payment_method_id"]
    if "gift_card" not in payment_method_id and payment_method_id != first:
        raise ActionError("payment method should be either the original payment method or a gift card")
    if holds_all(item_ids, (item["item_id"] for item in order["items"])) is not None:
        raise ActionError("some item not found")
    return desk.change_order(
        order_id,
        status="return requested",
        return_items=sorted(item_ids),
        return_payment_method_id=payment_method_id,
    )


def exchange_delivered_order_items(
    desk: Desk, order_id: str, item_ids: list[str], new_item_ids: list[str], payment_method_id: str
) -> Row:
    """Ask for the exchange of items for others of the same products."""
    order = desk.order(order_id, "delivered", "non-delivered order cannot be exchanged")
    difference = round(price_difference(desk, order, item_ids, new_item_ids), 2)
    method = desk.payment_method(order, payment_method_id)
    check_balance(method, difference, "insufficient gift card balance to pay for the price difference")
    return desk.change_order(
        order_id,
        status="exchange requested",
        exchange_items=sorted(item_ids),
        exchange_new_items=sorted(new_item_ids),
        exchange_payment_method_id=payment_method_id,
        exchange_price_difference=difference,
    )
