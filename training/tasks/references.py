"""What the gold calls of a task refer to: whether the world has it, and whether it is the customer's own."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from practicum.envs.retail.tools import CHANGES
from practicum.envs.retail.world import Row, World
from practicum.training.tasks.faults import Fault
from practicum.training.tasks.records import Call, TaskRecord

ORDER_IDS = re.compile(r"#W\d+")
_EMAILS = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")


def reference_faults(call: Call, world: World, user_id: str) -> Iterator[Fault]:
    """What a call names that there is not, or that is not this user's."""
    arguments = call["arguments"]
    order = _order(arguments, world)
    yield from _order_faults(arguments, order, user_id)
    yield from _product_faults(arguments, world)
    if order is not None:
        yield from _item_faults(arguments, order)
        yield from _variant_faults(arguments, order, world)
    yield from _payment_faults(arguments, world.users.get(user_id))


def query_faults(record: TaskRecord, world: World, user_id: str) -> Iterator[Fault]:
    """What the customer says, or their script, of orders and e-mail addresses that are not theirs."""
    said = "\n".join([record.q, *_scripted(record.metadata.get("customer"))])
    for order_id in dict.fromkeys(ORDER_IDS.findall(said)):
        if world.orders.get(order_id, {}).get("user_id") != user_id:
            yield Fault("query_foreign", f"the customer speaks of {order_id}, which is not of {user_id!r}")
    for email in dict.fromkeys(_EMAILS.findall(said)):
        found = world.by_email.get(email.lower())
        if found not in (None, user_id):
            yield Fault("query_foreign", f"the customer speaks of {email}, which is of {found!r}")


def wish_faults(record: TaskRecord) -> Iterator[Fault]:
    """Where the script of the customer wants something else than the calls do, or asks for other words."""
    script = record.metadata.get("customer")
    if script is None:
        return
    wanted = {each for wish in script["wishes"] for each in wish["ids"]}
    said = "\n".join(_scripted(script))
    for arguments in (call["arguments"] for call in record.agt if call["name"] in CHANGES):
        refused = [each for each in _named(arguments) if each not in wanted]
        refused += [each for each in _address(arguments) if each not in said]
        yield from (Fault("other_wish", f"the customer would say no to {each!r}") for each in refused)
    asked = {output for wish in script["wishes"] for output in wish.get("outputs", ())}
    for output in sorted(asked.symmetric_difference(record.ogt)):
        who = "the customer asks for" if output in asked else "the customer does not ask for"
        yield Fault("other_wish", f"{who} {output!r}")


def _scripted(script: Any) -> Iterator[str]:
    """All that a script lets a customer say."""
    if script is not None:
        yield script["knows"]
        for wish in script["wishes"]:
            facts = (*wish["facts"].values(), *wish.get("first", {}).values())
            yield from (wish["wish"], wish.get("change", ""), *facts)


def _named(arguments: Mapping[str, Any]) -> list[str]:
    """What a call of a change names that a customer may say no to."""
    single = [arguments.get(key) for key in ("order_id", "payment_method_id", "reason")]
    several = [*_texts(arguments.get("item_ids")), *_texts(arguments.get("new_item_ids"))]
    return [each for each in (*single, *several) if isinstance(each, str)]


def _order(arguments: Mapping[str, Any], world: World) -> Row | None:
    order_id = arguments.get("order_id")
    return world.orders.get(order_id) if isinstance(order_id, str) else None


def _order_faults(arguments: Mapping[str, Any], order: Row | None, user_id: str) -> Iterator[Fault]:
    order_id = arguments.get("order_id")
    if order is None and isinstance(order_id, str):
        yield Fault("order_missing", f"there is no order {order_id!r}")
    elif order is not None and order["user_id"] != user_id:
        yield Fault("order_foreign", f"order {order_id!r} is of {order['user_id']!r}, not of {user_id!r}")


def _product_faults(arguments: Mapping[str, Any], world: World) -> Iterator[Fault]:
    product_id = arguments.get("product_id")
    if isinstance(product_id, str) and product_id not in world.products:
        yield Fault("product_missing", f"there is no product {product_id!r}")


def _item_faults(arguments: Mapping[str, Any], order: Row) -> Iterator[Fault]:
    ordered = Counter(item["item_id"] for item in order["items"])
    for item_id in Counter(_texts(arguments.get("item_ids"))) - ordered:
        yield Fault("item_missing", f"order {order['order_id']} has no item {item_id!r} (so often)")


def _variant_faults(arguments: Mapping[str, Any], order: Row, world: World) -> Iterator[Fault]:
    products = {item["item_id"]: item["product_id"] for item in order["items"]}
    old = _texts(arguments.get("item_ids"))
    for place, new_id in enumerate(_texts(arguments.get("new_item_ids"))):
        homes = [p for p, product in world.products.items() if new_id in product["variants"]]
        if not homes:
            yield Fault("variant_missing", f"no product comes as item {new_id!r}")
        elif not world.products[homes[0]]["variants"][new_id]["available"]:
            yield Fault("variant_unavailable", f"item {new_id!r} is not available")
        elif place < len(old) and products.get(old[place], homes[0]) != homes[0]:
            yield Fault("variant_other_product", f"item {new_id!r} is not of the product of {old[place]!r}")


def _payment_faults(arguments: Mapping[str, Any], user: Row | None) -> Iterator[Fault]:
    method = arguments.get("payment_method_id")
    if isinstance(method, str) and user is not None and method not in user["payment_methods"]:
        yield Fault("payment_foreign", f"the user has no payment method {method!r}")


def _address(arguments: Mapping[str, Any]) -> list[str]:
    """The parts of the address that a call names."""
    parts = (arguments.get(key) for key in ("address1", "address2", "city", "state", "country", "zip"))
    return [part for part in parts if isinstance(part, str) and part]


def _texts(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
