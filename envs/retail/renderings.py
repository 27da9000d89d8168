"""Records of the shop in a few lines of text, for agents with short contexts: one thing a line, ids last."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic_core import to_json

from practicum.envs.retail.scripts import options_words
from practicum.envs.retail.world import Row


def rendered(result: Any) -> str:
    """A result of a tool as text; nothing of it is left out."""
    if isinstance(result, str):
        return result
    if not isinstance(result, Mapping):
        return to_json(result).decode()
    render = next((render for key, render in _KINDS.items() if key in result), _pairs)
    return "\n".join(render(result))


def _order(order: Row) -> Iterator[str]:
    yield f"{order['status']} order of {order['user_id']}: {order['order_id']}"
    yield f"to {_address(order['address'])}"
    for item in order["items"]:
        yield (
            f"- {item['name']} ({options_words(item['options'])}) {item['price']}, "
            f"product {item['product_id']}, item {item['item_id']}"
        )
    for delivery in order.get("fulfillments", ()):
        yield f"delivery of {_listed(delivery['item_ids'])}: {_listed(delivery['tracking_id'])}"
    for payment in order["payment_history"]:
        yield f"{payment['transaction_type']} {payment['amount']}: {payment['payment_method_id']}"
    yield from _pairs(_without(order, _ORDER))


def _user(user: Row) -> Iterator[str]:
    yield f"{user['name']['first_name']} {user['name']['last_name']}, {user['email']}"
    yield f"at {_address(user['address'])}"
    for key, method in user["payment_methods"].items():
        yield " ".join([*(str(value) for name, value in method.items() if name != "id"), key])
    yield f"orders: {_listed(user['orders'])}"
    yield from _pairs(_without(user, _USER))


def _product(product: Row) -> Iterator[str]:
    yield f"{product['name']}: {product['product_id']}"
    for item_id, variant in product["variants"].items():
        stock = "" if variant["available"] else ", not available"
        yield f"- {options_words(variant['options'])}: {variant['price']}{stock}, item {item_id}"
    yield from _pairs(_without(product, _PRODUCT))


def _pairs(record: Row) -> Iterator[str]:
    for key, value in record.items():
        yield f"{key}: {value if isinstance(value, str) else to_json(value).decode()}"


_ORDER = ("order_id", "user_id", "status", "address", "items", "fulfillments", "payment_history")
_USER = ("name", "email", "address", "payment_methods", "orders")
_PRODUCT = ("name", "product_id", "variants")
_KINDS: Mapping[str, Callable[[Row], Iterator[str]]] = {
    "payment_history": _order,
    "payment_methods": _user,
    "variants": _product,
}
"""How a record is rendered, by a key that no other kind has."""


def _without(record: Row, keys: tuple[str, ...]) -> Row:
    return {key: value for key, value in record.items() if key not in keys}


def _address(address: Row) -> str:
    return ", ".join(str(part) for part in address.values() if part)


def _listed(ids: list[str]) -> str:
    return ", ".join(ids) or "none"
