"""Which records of the world tasks speak of, whether each is there, and how much of the world they touch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from practicum.envs.retail.world import World, open_world
from practicum.training.tasks.records import TaskRecord
from practicum.training.tasks.references import ORDER_IDS
from practicum.training.tasks.translation import owner_of, users_of

KINDS = ("users", "orders", "products", "items", "payment_methods")
MOST_MISSING = 20
"""Missing records that are listed of each kind."""


def references(records: Sequence[TaskRecord], data: str = "") -> dict[str, Any]:
    """References of tasks to the records of a world.

    Args:
        records: the tasks.
        data: folder of the world; empty for the shipped one.

    Returns:
        By kind of record: `references` (by tasks), `distinct`, `found`, `missing` (ids), and `coverage`, the
        share of the world's records of that kind that the tasks speak of; then each task's own.

    Raises:
        UsageError: the world cannot be read.
    """
    world = open_world(data)
    there = _there(world)
    spoken_of = [_of(record, world) for record in records]
    kinds = {kind: _counts([each[kind] for each in spoken_of], there[kind]) for kind in KINDS}
    tasks = [
        {
            "task": place,
            **{kind: sorted(ids) for kind, ids in each.items() if ids},
            "missing": _missing(each, there),
        }
        for place, each in enumerate(spoken_of, 1)
    ]
    sound = sum(not task["missing"] for task in tasks)
    return {"tasks_with_real_records_only": sound, "kinds": kinds, "tasks": tasks}


def _there(world: World) -> dict[str, set[str]]:
    return {
        "users": set(world.users),
        "orders": set(world.orders),
        "products": set(world.products),
        "items": {item for product in world.products.values() for item in product["variants"]},
        "payment_methods": {method for user in world.users.values() for method in user["payment_methods"]},
    }


def _counts(ids_of_tasks: Sequence[set[str]], there: set[str]) -> dict[str, Any]:
    distinct = set().union(*ids_of_tasks)
    missing = sorted(distinct - there)
    return {
        "references": sum(map(len, ids_of_tasks)),
        "distinct": len(distinct),
        "found": len(distinct & there),
        "missing": missing[:MOST_MISSING],
        "coverage": len(distinct & there) / len(there) if there else 0.0,
    }


def _missing(spoken_of: dict[str, set[str]], there: dict[str, set[str]]) -> list[str]:
    return sorted(each for kind, ids in spoken_of.items() for each in ids - there[kind])


def _of(record: TaskRecord, world: World) -> dict[str, set[str]]:
    """The ids that a task speaks of, by kind; a user who is found by a lookup counts."""
    arguments = [call["arguments"] for call in record.agt]
    owner = owner_of(record, world)
    return {
        "users": {*users_of(record.agt, world), *([owner] if owner else ())},
        "orders": {*_texts(arguments, "order_id"), *ORDER_IDS.findall(record.q)},
        "products": set(_texts(arguments, "product_id")),
        "items": {*_texts(arguments, "item_ids"), *_texts(arguments, "new_item_ids")},
        "payment_methods": set(_texts(arguments, "payment_method_id")),
    }


def _texts(arguments: Sequence[dict[str, Any]], name: str) -> Iterator[str]:
    for each in arguments:
        value = each.get(name)
        yield from (text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str))
