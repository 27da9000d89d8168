"""Tools that find and show users, orders and products."""

from __future__ import annotations

from practicum.envs.errors import ActionError
from practicum.envs.retail.desk import Desk
from practicum.envs.retail.world import Row


def find_user_id_by_email(desk: Desk, email: str) -> str:
    """The id of the user with an e-mail address, upper and lower case alike."""
    found = desk.world.by_email.get(email.lower())
    if found is None:
        raise ActionError("user not found")
    return found


def find_user_id_by_name_zip(desk: Desk, first_name: str, last_name: str, zip: str) -> str:
    """The id of the first user with a name, upper and lower case alike, who now lives at a zip code."""
    for user_id in desk.world.by_name.get((first_name.lower(), last_name.lower()), ()):
        if desk.user(user_id)["address"]["zip"] == zip:
            return user_id
    raise ActionError("user not found")


def get_user_details(desk: Desk, user_id: str) -> Row:
    """A user."""
    return desk.user(user_id)


def get_order_details(desk: Desk, order_id: str) -> Row:
    """An order."""
    return desk.order(order_id)


def get_product_details(desk: Desk, product_id: str) -> Row:
    """A product with its variants."""
    return desk.product(product_id)


def list_all_product_types(desk: Desk) -> Row:
    """Product ids by name."""
    return desk.world.product_types
