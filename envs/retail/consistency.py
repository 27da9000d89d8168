"""Whether a retail world holds together: a line for each thing in it that does not fit the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from practicum.envs.retail.world import Row, World, open_world

STATUSES = (
    "pending",
    "pending (item modified)",
    "processed",
    "delivered",
    "return requested",
    "exchange requested",
    "cancelled",
)
SOURCES = ("credit_card", "gift_card", "paypal")


def check_folder(folder: Path) -> list[str]:
    """What does not fit in the world of a folder; empty where all does.

    Raises:
        UsageError: as `open_world`.
    """
    return complaints(open_world(str(folder)))


def complaints(world: World) -> list[str]:
    """What does not fit in a world, a line each: users first, then orders, then products."""
    users = (line for user_id, user in world.users.items() for line in _user(world, user_id, user))
    orders = (line for key, order in world.orders.items() for line in _order(world, key, order))
    return [*users, *_shared_emails(world), *orders, *_products(world)]


def _user(world: World, user_id: str, user: Row) -> Iterator[str]:
    place = f"user {user_id!r}"
    if not user["payment_methods"]:
        yield f"{place} has no payment method"
    for key, method in user["payment_methods"].items():
        yield from (f"{place}: payment method {key!r} {fault}" for fault in _method(key, method))
    listed: Counter[str] = Counter(user["orders"])
    for order_id, count in listed.items():
        order = world.orders.get(order_id)
        if order is None:
            yield f"{place} lists order {order_id!r}, which there is not"
        elif order["user_id"] != user_id:
            yield f"{place} lists order {order_id!r}, which is of {order['user_id']!r}"
        if count > 1:
            yield f"{place} lists order {order_id!r} {count} times"


def _method(key: str, method: Row) -> Iterator[str]:
    if method["id"] != key:
        yield f"has the id {method['id']!r}"
    if method["source"] not in SOURCES:
        yield f"is a {method['source']!r}; there are {', '.join(SOURCES)}"
    elif not key.startswith(method["source"]):
        yield f"is a {method['source']!r}, which its id does not say"
    if method["source"] == "gift_card" and not method.get("balance", -1) >= 0:
        yield f"is a gift card with the balance {method.get('balance')!r}"


def _shared_emails(world: World) -> Iterator[str]:
    shared = Counter(user["email"].lower() for user in world.users.values())
    yield from (
        f"{count} users have the e-mail address {email!r}" for email, count in shared.items() if count > 1
    )


def _order(world: World, order_id: str, order: Row) -> Iterator[str]:
    place = f"order {order_id!r}"
    if order["order_id"] != order_id:
        yield f"{place} has the order_id {order['order_id']!r}"
    if order["status"] not in STATUSES:
        yield f"{place} is {order['status']!r}; there are {', '.join(STATUSES)}"
    user = world.users.get(order["user_id"])
    if user is None:
        yield f"{place} is of user {order['user_id']!r}, whom there is not"
    else:
        if order_id not in user["orders"]:
            yield f"{place} is not among the orders of its user {order['user_id']!r}"
        yield from (f"{place} {fault}" for fault in _payments(order, user))
    yield from (f"{place} {fault}" for fault in _items(world, order))
    yield from (f"{place} {fault}" for fault in _deliveries(order))


def _items(world: World, order: Row) -> Iterator[str]:
    if not order["items"]:
        yield "has no items"
    for item in order["items"]:
        product = world.products.get(item["product_id"])
        variant = None if product is None else product["variants"].get(item["item_id"])
        if product is None:
            yield f"has an item of product {item['product_id']!r}, which there is not"
        elif variant is None:
            yield f"has item {item['item_id']!r}, which {product['name']} does not come as"
        elif (item["name"], item["options"]) != (product["name"], variant["options"]):
            yield f"has item {item['item_id']!r} with another name or other options than its product"
        if not item["price"] >= 0:
            yield f"has item {item['item_id']!r} at the price {item['price']!r}"


def _payments(order: Row, user: Row) -> Iterator[str]:
    for method in dict.fromkeys(payment["payment_method_id"] for payment in order["payment_history"]):
        if method not in user["payment_methods"]:
            yield f"is paid by {method!r}, which its user does not have"
    paid = sum(_signed(payment) for payment in order["payment_history"])
    price = sum(item["price"] for item in order["items"])
    due = 0 if order["status"] == "cancelled" else price
    if abs(paid - due) > 0.005:
        yield f"is paid with {paid:.2f} in total, expected {due:.2f}"


def _signed(payment: Row) -> float:
    amount: float = payment["amount"]
    return -amount if payment["transaction_type"] == "refund" else amount


def _deliveries(order: Row) -> Iterator[str]:
    ordered = Counter(item["item_id"] for item in order["items"])
    delivered: Counter[str] = Counter()
    for delivery in order.get("fulfillments", ()):
        delivered.update(delivery["item_ids"])
    if order["status"] in ("delivered", "return requested", "exchange requested") and delivered != ordered:
        yield f"is {order['status']}, and what was delivered is not what was ordered"
    for key in ("return_items", "exchange_items"):
        if Counter(order.get(key, ())) - ordered:
            yield f"has {key} that are not in it"


def _products(world: World) -> Iterator[str]:
    homes: dict[str, str] = {}
    names = Counter(product["name"] for product in world.products.values())
    yield from (f"{count} products are called {name!r}" for name, count in names.items() if count > 1)
    for product_id, product in world.products.items():
        place = f"product {product_id!r}"
        if product["product_id"] != product_id:
            yield f"{place} has the product_id {product['product_id']!r}"
        for item_id, variant in product["variants"].items():
            yield from (f"{place}: variant {item_id!r} {fault}" for fault in _variant(item_id, variant))
            other = homes.setdefault(item_id, product_id)
            if other != product_id:
                yield f"{place} has variant {item_id!r}, which product {other!r} has too"


def _variant(item_id: str, variant: dict[str, Any]) -> Iterator[str]:
    if variant["item_id"] != item_id:
        yield f"has the item_id {variant['item_id']!r}"
    if not variant["price"] >= 0:
        yield f"costs {variant['price']!r}"
