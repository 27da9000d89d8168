"""Faults of a task: what kinds there are, how each is told, and what mends it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from practicum.envs.errors import shortened

MOST_FAULTS = 20
"""Of one task that are told."""
LONGEST_MESSAGE = 300
REMEDIES: Mapping[str, str] = {
    "no_calls": "give the gold calls that serve the customer",
    "unknown_tool": "use the tools that `practicum envs retail` lists",
    "not_gold": "leave the conversation out of the gold calls",
    "bad_arguments": "give each argument that the tool's schema names, with its type",
    "user_missing": "choose a user of users.json",
    "several_users": "keep to one user throughout",
    "order_missing": "choose an order of orders.json, with its #",
    "order_foreign": "choose an order of the task's own user",
    "order_status": "choose an order whose status allows the change",
    "product_missing": "choose a product id of products.json; it is not that of an item",
    "item_missing": "choose items that are in the order, no more of each than there are",
    "variant_missing": "choose a new item that its product has as a variant",
    "variant_unavailable": "choose a new item that is available",
    "variant_other_product": "choose a new item of the same product as the old one",
    "payment_foreign": "choose a payment method of the task's own user",
    "payment_unsuitable": "choose a payment method that the tool accepts for this order",
    "refused": "make each gold call one that the world plays",
    "after_the_end": "put the call that ends the visit last",
    "other_scenario": "make the change, or ask the question, that the scenario is about",
    "unchanged": "make a change that leaves a record different, or ask to be told something",
    "output_unfounded": "ask only for what the gold calls show",
    "not_told": "say what the customer must be told",
    "query_foreign": "let the customer speak of their own orders and their own e-mail address only",
    "other_wish": "let the customer's script ask for what the gold calls do and what is to be told",
    "repeat": "make a task whose gold calls differ from those of the others",
}
"""What mends a fault, by its kind."""


@dataclass(frozen=True)
class Fault:
    """Something that is wrong with a task."""

    kind: str
    """One of `REMEDIES`."""
    message: str
    """What was found."""

    def __str__(self) -> str:
        return f"{self.kind}: {shortened(' '.join(self.message.split()), LONGEST_MESSAGE)}"


@dataclass(frozen=True)
class Validation:
    """What a check has found; a task without faults is valid."""

    faults: tuple[Fault, ...] = ()

    @property
    def valid(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of what is wrong, each once."""
        return tuple(dict.fromkeys(fault.kind for fault in self.faults))

    def as_json(self) -> dict[str, Any]:
        """`valid`, `missing` (each fault with its kind) and `suggestions` (what mends them)."""
        missing = [str(fault) for fault in self.faults]
        suggestions = [REMEDIES[kind] for kind in self.kinds]
        return {"valid": self.valid, "missing": missing, "suggestions": suggestions}

    @classmethod
    def of(cls, faults: Iterable[Fault]) -> Validation:
        """The check that found these, each told once, and no more than `MOST_FAULTS`."""
        return cls(tuple(islice(dict.fromkeys(faults), MOST_FAULTS)))
