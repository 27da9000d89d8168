"""A shop whose list of orders tells nothing of them but their numbers: each must be looked up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from practicum.envs import ActionError, Outcome, Record, RewardTable, Task, ToolEnv, action

ITEMS = ("lamp", "desk", "chair", "shelf", "clock", "rug")


@dataclass
class Orders(Record):
    orders: dict[str, dict[str, Any]]
    cancelled: str = ""


class Shop(ToolEnv[Orders]):
    """Cancel the order of an item."""

    name, version = "shop", 1
    rewards = RewardTable(step=-0.01, refused=-0.05, solved=1.0)
    goals = {"cancel_order": "cancel_order"}  # noqa: RUF012  # a declaration of ToolEnv's
    bare = True
    """Whether the list shows numbers alone, and no objects."""

    def begin(self, *, item: str = "lamp") -> Orders:
        numbers = self.np_random.choice(10**6, size=len(ITEMS), replace=False)
        kept = [each for each in ITEMS if each == item or self.np_random.random() < 0.5]
        drawn = [kept[place] for place in self.np_random.permutation(len(kept))]
        return Orders(
            {f"W{number:06d}": {"item": each} for number, each in zip(numbers, drawn, strict=False)}
        )

    @classmethod
    def make_task(cls, seed: int, **settings: Any) -> Task:
        params = {"item": ITEMS[seed * 7 % len(ITEMS)], **settings}
        return Task(cls.name, cls.version, seed, params, f"Cancel the order of a {params['item']}.")

    @action(read_only=True)
    def list_orders(self) -> dict[str, Any]:
        """Show the numbers of the orders."""
        numbers = list(self.state.orders)
        return {"orders": numbers if self.bare else [{"id": each, "year": 2026} for each in numbers]}

    @action(read_only=True)
    def get_order(self, order_id: str) -> dict[str, Any]:
        """Show an order.

        Args:
            order_id: Its number.
        """
        if order_id not in self.state.orders:
            raise ActionError("no such order")
        return {"order": {"order_id": order_id, **self.state.orders[order_id]}}

    @action(destructive=True)
    def cancel_order(self, order_id: str) -> dict[str, Any]:
        """Cancel an order.

        Args:
            order_id: Its number.
        """
        if order_id not in self.state.orders:
            raise ActionError("no such order")
        self.state.cancelled = order_id
        return {"cancelled": order_id}

    def is_done(self) -> bool:
        return bool(self.state.cancelled)

    def outcome(self) -> Outcome:
        order = self.state.orders.get(self.state.cancelled, {})
        return Outcome(success=order.get("item") == self.task.params["item"])


class Listed(Shop):
    """Cancel the order of an item, from a list of objects."""

    bare = False
