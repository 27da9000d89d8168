"""Tools that change where an order goes or where a user lives."""

from __future__ import annotations

from practicum.envs.retail.desk import Desk
from practicum.envs.retail.world import Row


def modify_pending_order_address(desk: Desk, order_id: str, **address: str) -> Row:
    """Give a pending order another address: address1, address2, city, state, country, zip."""
    desk.order(order_id, "pending", "non-pending order cannot be modified")
    return desk.change_order(order_id, address=_address(**address))


def modify_user_address(desk: Desk, user_id: str, **address: str) -> Row:
    """Give a user another default address."""
    return desk.change_user(user_id, address=_address(**address))


def _address(
    *,
    address1: str,
    address2: str,
    city: str,
    state: str,
    country: str,
    zip: str,
) -> dict[str, str]:
    return {
        "address1": address1,
        "address2": address2,
        "city": city,
        "state": state,
        "country": country,
        "zip": zip,
    }
