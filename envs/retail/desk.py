"""The service desk's view of the shop: the shared records, and over them what one session has changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from practicum.envs.core import plain
from practicum.envs.errors import ActionError
from practicum.envs.records import Record
from practicum.envs.retail.world import Row, World


@dataclass
class Desk(Record):
    """A world as one session sees it. Records are replaced whole, never changed in place."""

    world: World
    users: dict[str, Row] = field(default_factory=dict)
    """Users that the session has changed, by id."""
    orders: dict[str, Row] = field(default_factory=dict)
    """Orders that the session has changed, by id."""

    def user(self, user_id: str) -> Row:
        """A user as they are now.

        Raises:
            ActionError: there is none of that id.
        """
        found = self.users.get(user_id) or self.world.users.get(user_id)
        if found is None:
            raise ActionError("user not found")
        return found

    def order(self, order_id: str, status: str | None = None, refusal: str = "") -> Row:
        """An order as it is now.

        Args:
            order_id: with its `#`.
            status: that it must have.
            refusal: what is said when it has another.

        Raises:
            ActionError: there is none of that id, or it has another status.
        """
        found = self.orders.get(order_id) or self.world.orders.get(order_id)
        if found is None:
            raise ActionError("order not found")
        if status is not None and found["status"] != status:
            raise ActionError(refusal)
        return found

    def product(self, product_id: str) -> Row:
        """A product with its variants.

        Raises:
            ActionError: there is none of that id.
        """
        found = self.world.products.get(product_id)
        if found is None:
            raise ActionError("product not found")
        return found

    def payment_method(self, order: Row, payment_method_id: str) -> Row:
        """A payment method of the user whose order it is.

        Raises:
            ActionError: the user has none of that id.
        """
        found = self.user(order["user_id"])["payment_methods"].get(payment_method_id)
        if found is None:
            raise ActionError("payment method not found")
        return found  # type: ignore[no-any-return]  # a record

    def change_user(self, user_id: str, **fields: Any) -> Row:
        """Give a user new values; returns the user as it is now."""
        self.users[user_id] = {**self.user(user_id), **fields}
        return self.users[user_id]

    def change_order(self, order_id: str, **fields: Any) -> Row:
        """Give an order new values; returns the order as it is now."""
        self.orders[order_id] = {**self.order(order_id), **fields}
        return self.orders[order_id]

    def add_to_gift_card(self, user_id: str, payment_method_id: str, amount: float) -> None:
        """Add an amount, which may be below zero, to the balance of a gift card.

        Raises:
            ActionError: the user has no such card.
        """
        methods = self.user(user_id)["payment_methods"]
        if payment_method_id not in methods:
            raise ActionError("payment method not found")
        card = methods[payment_method_id]
        card = {**card, "balance": round(card.get("balance", 0) + amount, 2)}
        self.change_user(user_id, payment_methods={**methods, payment_method_id: card})

    def as_json(self) -> dict[str, Any]:
        """The whole world, changes included; its unchanged records are shared with every session."""
        return {
            "users": {**self.world.users, **plain(self.users)},
            "orders": {**self.world.orders, **plain(self.orders)},
            "products": self.world.products,
        }

    def differs_from(self, other: Desk) -> list[str]:
        """Ids of the users and orders that are not equal at two desks of one world."""
        users = self._unequal(other, "users")
        return users + self._unequal(other, "orders")

    def _unequal(self, other: Desk, kind: str) -> list[str]:
        mine, theirs, shared = getattr(self, kind), getattr(other, kind), getattr(self.world, kind)
        return [
            key
            for key in dict.fromkeys([*mine, *theirs])
            if _rounded(mine.get(key, shared.get(key))) != _rounded(theirs.get(key, shared.get(key)))
        ]


def _rounded(value: Any) -> Any:
    """A record with amounts rounded to cents, as the world's hash sees it."""
    if isinstance(value, Mapping):
        return {key: _rounded(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_rounded(part) for part in value]
    return round(value, 2) if isinstance(value, float) else value


def holds_all(some: list[str], all_of_them: Iterable[str]) -> str | None:
    """The first of `some` that is named more often than it is there, or None."""
    have = list(all_of_them)
    return next((each for each in some if some.count(each) > have.count(each)), None)
