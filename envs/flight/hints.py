"""Hints: what the world tells about prices on the days around, always true."""

from __future__ import annotations

from functools import lru_cache

from practicum.envs.flight.timetable import timetable
from practicum.envs.flight.wishes import is_day, shifted


@lru_cache(maxsize=8192)
def hint(seed: int, origin: str, destination: str, date: str) -> str:
    """Whether the cheapest listed price is lower a day earlier or later, and by how much."""
    today = _cheapest(seed, origin, destination, date)
    around = {
        words: shifted(date, days)
        for words, days in (("a day earlier", -1), ("a day later", 1))
        if is_day(shifted(date, days))
    }
    prices = {words: _cheapest(seed, origin, destination, day) for words, day in around.items()}
    words = min(prices, key=lambda w: prices[w])
    if prices[words] >= today:
        return "Tip: no day next to this one has lower prices."
    return f"Tip: prices fall {words}: from {prices[words]} on {around[words]}, against {today} on {date}."


def _cheapest(seed: int, origin: str, destination: str, date: str) -> int:
    return timetable(seed, origin, destination, date).cheapest_first[0].price
