"""Tools that cancel a pending order, or change its items or how it is paid."""

from __future__ import annotations

from typing import Any

from practicum.envs.errors import ActionError
from practicum.envs.retail.desk import Desk
from practicum.envs.retail.tools.swaps import check_balance, price_difference, swapped
from practicum.envs.retail.world import Row

REASONS = ("no longer needed", "ordered by mistake")
_NOT_PENDING = "non-pending order cannot be modified"


def cancel_pending_order(desk: Desk, order_id: str, reason: str) -> Row:
    """Cancel a pending order; gift cards get their money back at once."""
    order = desk.order(order_id, "pending", "non-pending order cannot be cancelled")
    if reason not in REASONS:
        raise ActionError("invalid reason")
    refunds = [_refund(paid["payment_method_id"], paid["amount"]) for paid in order["payment_history"]]
    for refund in refunds:
        if "gift_card" in refund["payment_method_id"]:
            desk.add_to_gift_card(order["user_id"], refund["payment_method_id"], refund["amount"])
    history = [*order["payment_history"], *refunds]
    return desk.change_order(order_id, status="cancelled", payment_history=history, cancel_reason=reason)


def modify_pending_order_items(
    desk: Desk, order_id: str, item_ids: list[str], new_item_ids: list[str], payment_method_id: str
) -> Row:
    """Swap items of a pending order for others of the same products, and settle the difference."""
    order = desk.order(order_id, "pending", _NOT_PENDING)
    difference = price_difference(desk, order, item_ids, new_item_ids)
    method = desk.payment_method(order, payment_method_id)
    check_balance(method, difference, "insufficient gift card balance to pay for the new item")
    settled = {
        "transaction_type": "payment" if difference > 0 else "refund",
        "amount": abs(difference),
        "payment_method_id": payment_method_id,
    }
    if method["source"] == "gift_card":
        desk.add_to_gift_card(order["user_id"], payment_method_id, -difference)
    return desk.change_order(
        order_id,
        items=swapped(desk, order, item_ids, new_item_ids),
        status="pending (item modified)",
        payment_history=[*order["payment_history"], settled],
    )


def modify_pending_order_payment(desk: Desk, order_id: str, payment_method_id: str) -> Row:
    """Pay a pending order by another method, and give the first one its money back."""
    order = desk.order(order_id, "pending", _NOT_PENDING)
    method = desk.payment_method(order, payment_method_id)
    history = order["payment_history"]
    if len(history) != 1 or history[0]["transaction_type"] != "payment":
        raise ActionError("there should be exactly one payment for a pending order")
    first, amount = history[0]["payment_method_id"], history[0]["amount"]
    if first == payment_method_id:
        raise ActionError("the new payment method should be different from the current one")
    check_balance(method, amount, "insufficient gift card balance to pay for the order")
    payment = {"transaction_type": "payment", "amount": amount, "payment_method_id": payment_method_id}
    if method["source"] == "gift_card":
        desk.add_to_gift_card(order["user_id"], payment_method_id, -amount)
    if "gift_card" in first:
        desk.add_to_gift_card(order["user_id"], first, amount)
    return desk.change_order(order_id, payment_history=[*history, payment, _refund(first, amount)])


def _refund(payment_method_id: str, amount: float) -> dict[str, Any]:
    return {"transaction_type": "refund", "amount": amount, "payment_method_id": payment_method_id}
