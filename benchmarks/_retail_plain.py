"""The yardstick of benchmarks/retail.py: a shop of plain dictionaries, copied whole for each session.

It does what the tools do, in place, without checks of arguments, rewards, or a way back.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

from practicum.envs.retail.world import World


class PlainShop:
    """Users, orders and products that belong to one session alone."""

    def __init__(self, users: dict[str, Any], orders: dict[str, Any], products: dict[str, Any]) -> None:
        self.users, self.orders, self.products = users, orders, products

    @classmethod
    def copy_of(cls, world: World) -> PlainShop:
        """A session's own copy of a world."""
        return cls(*copy.deepcopy((dict(world.users), dict(world.orders), dict(world.products))))

    def call(self, tool: str, arguments: Mapping[str, Any]) -> str:
        """Play a call; the answer is text, objects as JSON."""
        answer = getattr(self, tool)(**arguments)
        return answer if isinstance(answer, str) else json.dumps(answer)

    def find_user_id_by_email(self, email: str) -> str:
        wanted = email.lower()
        found = (key for key, user in self.users.items() if user["email"].lower() == wanted)
        return next(found, "Error: user not found")

    def find_user_id_by_name_zip(self, first_name: str, last_name: str, zip: str) -> str:
        wanted = (first_name.lower(), last_name.lower(), zip)
        found = (key for key, user in self.users.items() if self._name_zip(user) == wanted)
        return next(found, "Error: user not found")

    def _name_zip(self, user: Mapping[str, Any]) -> tuple[str, str, str]:
        name = user["name"]
        return name["first_name"].lower(), name["last_name"].lower(), user["address"]["zip"]

    def get_user_details(self, user_id: str) -> Any:
        return self.users.get(user_id, "Error: user not found")

    def get_order_details(self, order_id: str) -> Any:
        return self.orders.get(order_id, "Error: order not found")

    def get_product_details(self, product_id: str) -> Any:
        return self.products.get(product_id, "Error: product not found")

    def list_all_product_types(self) -> Any:
        return dict(sorted((each["name"], each["product_id"]) for each in self.products.values()))

    def cancel_pending_order(self, order_id: str, reason: str) -> Any:
        order = self.orders[order_id]
        refunds = [{**paid, "transaction_type": "refund"} for paid in order["payment_history"]]
        for refund in refunds:
            self._pay(order, refund["payment_method_id"], -refund["amount"])
        order["payment_history"] += refunds
        return self._with(order, status="cancelled", cancel_reason=reason)

    def modify_pending_order_address(self, order_id: str, **address: str) -> Any:
        return self._with(self.orders[order_id], address=address)

    def modify_user_address(self, user_id: str, **address: str) -> Any:
        return self._with(self.users[user_id], address=address)

    def modify_pending_order_payment(self, order_id: str, payment_method_id: str) -> Any:
        order = self.orders[order_id]
        (first,) = order["payment_history"]
        self._pay(order, payment_method_id, first["amount"])
        self._pay(order, first["payment_method_id"], -first["amount"])
        paid = {**first, "payment_method_id": payment_method_id}
        order["payment_history"] += [paid, {**first, "transaction_type": "refund"}]
        return order

    def modify_pending_order_items(
        self, order_id: str, item_ids: list[str], new_item_ids: list[str], payment_method_id: str
    ) -> Any:
        order = self.orders[order_id]
        difference = 0.0
        for item_id, new_item_id in zip(item_ids, new_item_ids, strict=True):
            item = next(item for item in order["items"] if item["item_id"] == item_id)
            variant = self.products[item["product_id"]]["variants"][new_item_id]
            difference += variant["price"] - item["price"]
            self._with(item, item_id=new_item_id, price=variant["price"], options=variant["options"])
        self._pay(order, payment_method_id, difference)
        kind = "payment" if difference > 0 else "refund"
        settled = {
            "transaction_type": kind,
            "amount": abs(difference),
            "payment_method_id": payment_method_id,
        }
        order["payment_history"].append(settled)
        return self._with(order, status="pending (item modified)")

    def return_delivered_order_items(self, order_id: str, item_ids: list[str], payment_method_id: str) -> Any:
        order = self.orders[order_id]
        items = {"return_items": sorted(item_ids), "return_payment_method_id": payment_method_id}
        return self._with(order, status="return requested", **items)

    def exchange_delivered_order_items(
        self, order_id: str, item_ids: list[str], new_item_ids: list[str], payment_method_id: str
    ) -> Any:
        order = self.orders[order_id]
        prices = {item["item_id"]: item for item in order["items"]}
        swaps = [(prices[old], new) for old, new in zip(item_ids, new_item_ids, strict=True)]
        difference = sum(self._price(item, new) - item["price"] for item, new in swaps)
        return self._with(
            order,
            status="exchange requested",
            exchange_items=sorted(item_ids),
            exchange_new_items=sorted(new_item_ids),
            exchange_payment_method_id=payment_method_id,
            exchange_price_difference=round(difference, 2),
        )

    def _price(self, item: Mapping[str, Any], new_item_id: str) -> float:
        price: float = self.products[item["product_id"]]["variants"][new_item_id]["price"]
        return price

    def _pay(self, order: Mapping[str, Any], payment_method_id: str, amount: float) -> None:
        method = self.users[order["user_id"]]["payment_methods"][payment_method_id]
        if method["source"] == "gift_card":
            method["balance"] = round(method["balance"] - amount, 2)

    def _with(self, record: dict[str, Any], **fields: Any) -> Any:
        record.update(fields)
        return record
