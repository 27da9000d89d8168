"""Make a world like the shipped one: `python -m practicum.envs.retail.generate FOLDER [SEED]`.

Equal seeds give equal bytes. What is made is consistent by construction: an order is laid in the cart, paid,
delivered and changed by the same steps that a shop would take.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from practicum.envs.retail.carts import draw_order
from practicum.envs.retail.desk import Desk
from practicum.envs.retail.goods import GOODS
from practicum.envs.retail.people import CITIES, FIRST_NAMES, LAST_NAMES, STREETS
from practicum.envs.retail.world import FILES, World

SEED = 2026
"""Of the shipped world."""
USERS = 500
ORDERS = 1000
_STREAM = 0x5709
_MOST_VARIANTS = 12
_AVAILABLE = 0.7

Random = np.random.Generator
Records = dict[str, dict[str, Any]]


def generate_world(seed: int = SEED, *, users: int = USERS, orders: int = ORDERS) -> dict[str, Records]:
    """The records of a world: `users`, `orders` and `products`.

    Args:
        seed: of everything in it.
        users: how many.
        orders: how many; somebody may have several, and some have none.
    """
    random = np.random.default_rng((seed, _STREAM))
    numbers = Numbers(random)
    products = _draw_products(random, numbers)
    people = _draw_users(random, numbers, users)
    desk = Desk(World(people, {}, products, ""))
    for _ in range(orders):
        draw_order(desk, random, numbers)
    changed = desk.as_json()
    return {"users": changed["users"], "orders": changed["orders"], "products": products}


def write_world(folder: Path, seed: int = SEED) -> None:
    """Write users.json, orders.json and products.json of a world into a folder, made where missing."""
    folder.mkdir(parents=True, exist_ok=True)
    records = generate_world(seed)
    for name in FILES:
        text = json.dumps(records[name], ensure_ascii=False, separators=(",", ":"))
        (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


class Numbers:
    """Digits of which none is given out twice."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._given: set[str] = set()

    def new(self, digits: int) -> str:
        """So many digits, the first not zero."""
        while True:
            drawn = str(int(self._random.integers(10 ** (digits - 1), 10**digits)))
            if drawn not in self._given:
                self._given.add(drawn)
                return drawn


def _draw_products(random: Random, numbers: Numbers) -> Records:
    products: Records = {}
    for name, (price, options) in GOODS.items():
        product_id = numbers.new(10)
        variants = _draw_variants(random, numbers, price, options)
        products[product_id] = {"name": name, "product_id": product_id, "variants": variants}
    return products


def _draw_variants(random: Random, numbers: Numbers, price: float, options: Any) -> Records:
    """All combinations of the options, or some where they are many; the first can always be had."""
    combined: list[dict[str, str]] = [{}]
    for option, values in options.items():
        combined = [{**chosen, option: value} for chosen in combined for value in values]
    places = random.permutation(len(combined))[:_MOST_VARIANTS].tolist()
    variants: Records = {}
    for number, place in enumerate(sorted(places)):
        item_id = numbers.new(10)
        variants[item_id] = {
            "item_id": item_id,
            "options": combined[place],
            "available": number < 2 or bool(random.random() < _AVAILABLE),
            "price": round(price * (1 + 0.3 * float(random.random())), 2),
        }
    return variants


def _draw_users(random: Random, numbers: Numbers, count: int) -> Records:
    users: Records = {}
    for _ in range(count):
        first, last = _pick(random, FIRST_NAMES), _pick(random, LAST_NAMES)
        number = numbers.new(4)
        users[f"{first}_{last}_{number}".lower()] = {
            "name": {"first_name": first, "last_name": last},
            "address": draw_address(random),
            "email": f"{first}.{last}{number}@example.com".lower(),
            "payment_methods": _draw_methods(random, numbers),
            "orders": [],
        }
    return users


def draw_address(random: Random) -> dict[str, str]:
    """An address in one of the cities."""
    city, state, zip_code = CITIES[int(random.integers(len(CITIES)))]
    return {
        "address1": f"{int(random.integers(1, 1000))} {_pick(random, STREETS)}",
        "address2": f"Suite {int(random.integers(100, 1000))}" if random.random() < 0.5 else "",
        "city": city,
        "country": "USA",
        "state": state,
        "zip": f"{zip_code}{int(random.integers(100)):02d}",
    }


def _draw_methods(random: Random, numbers: Numbers) -> Records:
    """One to three payment methods of different sources, sometimes a second gift card."""
    sources = random.permutation(["credit_card", "gift_card", "paypal"]).tolist()
    drawn = sources[: int(random.integers(1, 4))] + ["gift_card"] * int(random.random() < 0.1)
    methods: Records = {}
    for source in drawn:
        method_id = f"{source}_{numbers.new(7)}"
        methods[method_id] = {"source": source, **_details(random, source), "id": method_id}
    return methods


def _details(random: Random, source: str) -> dict[str, Any]:
    if source == "gift_card":
        return {"balance": round(500 * float(random.random()), 2)}
    if source == "credit_card":
        return {
            "brand": _pick(random, ("mastercard", "visa")),
            "last_four": f"{int(random.integers(10**4)):04d}",
        }
    return {}


def _pick(random: Random, words: Sequence[str]) -> str:
    return words[int(random.integers(len(words)))]


def main(arguments: Sequence[str]) -> int:
    """Write the world of a seed into a folder; returns the exit code."""
    if not 1 <= len(arguments) <= 2 or not all(each.isdecimal() for each in arguments[1:]):
        sys.stderr.write("usage: python -m practicum.envs.retail.generate FOLDER [SEED]\n")
        return 2
    write_world(Path(arguments[0]), *map(int, arguments[1:]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
