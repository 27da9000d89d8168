"""What a player of flight tasks knows: the wish, the coupons, the days seen, what sold out or changed."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from practicum.training.agents.agent import Decision

FEE_PERCENT = {3: 2, 6: 4, 12: 7}
"""What instalments cost, as the tool's description says."""

_COUPON = re.compile(r"Coupon (\w+): (\d+)% off(?: prices of (\d+) or more)?(?: on (\w+) flights)?")
_PAGES = re.compile(r"page (\d+) of (\d+)\.")
_CODE = re.compile(r"3DS code is (\d+)")
_TRIP = re.compile(r"from [^(]*\((\w{3})\) to [^(]*\((\w{3})\) on (\d{4}-\d\d-\d\d)")


@dataclass(frozen=True, slots=True)
class Key:
    """A flight of one day."""

    date: str
    flight_id: str
    route: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Offer:
    """A coupon as the messages tell it."""

    code: str
    percent: int
    minimum: int
    airline: str

    def off(self, price: int, airline: str) -> int:
        """What it takes off a price; 0 where it does not fit."""
        fits = price >= self.minimum and self.airline in ("", airline)
        return price * self.percent // 100 if fits else 0


@dataclass(frozen=True, slots=True)
class Choice:
    """A flight that fits, with what it would cost all in all."""

    key: Key
    cost: int
    coupon: str | None


@dataclass(slots=True)
class Day:
    """What has been seen of a day on which the flight may leave."""

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    pages_seen: set[int] = field(default_factory=set)
    """Pages of the results that were filtered by the wish."""
    pages: int | None = None

    @property
    def missing_page(self) -> int | None:
        """The first page that has not been seen, or None when all have."""
        if self.pages is None:
            return 1
        return next((page for page in range(1, self.pages + 1) if page not in self.pages_seen), None)


@dataclass(frozen=True, slots=True)
class Search:
    """The results that the site shows now."""

    route: tuple[str, str]
    date: str
    filters: dict[str, Any]


class FlightMemory:
    """Follows an episode page by page, whoever chose the calls.

    Args:
        instruction: gives route and day where it tells them; the form gives them otherwise.
        page: the first observation.
    """

    def __init__(self, instruction: str, page: dict[str, Any]) -> None:
        forms = page["forms"]
        told = _TRIP.search(instruction)
        origin, destination, date = told.groups() if told else (forms["from"], forms["to"], forms["date"])
        self.page = page
        self.route = (origin, destination)
        self.card_token: str = forms["card_token"]
        self.limits: dict[str, Any] = page["constraints"]
        self.days = {day: Day() for day in _around(date, self.limits.get("flex_days", 0))}
        self.search: Search | None = None
        self.in_cart: Key | None = None
        self.code_3ds = ""
        self._offers: dict[str, Offer] = {}
        self._sold_out: set[Key] = set()
        self._read_messages(page)

    @property
    def filters(self) -> dict[str, Any]:
        """The filter that leaves what the wish allows."""
        wanted = {name: self.limits[name] for name in ("depart_after", "max_stops")}
        return {name: value for name, value in wanted.items() if value is not None}

    @property
    def coupons(self) -> list[str]:
        """The codes that were told."""
        return list(self._offers)

    def learn(self, made: Decision, page: dict[str, Any]) -> None:
        """Take in the page that a call led to."""
        self._read_messages(page)
        if made.tool == "select_flight":
            return
        self.page = page
        if made.tool == "add_to_cart":
            self._learn_of_add(made.arguments["flight_id"], page)
        if not page["cart"]["items"]:
            self.in_cart = None
        elif self.in_cart is not None:
            self._note_price(self.in_cart, page["cart"]["items"][0]["price"])
        if made.tool == "restart":
            self.search = None
        elif page["view"] == "search_results":
            self._learn_of_results(made, page)

    def choices(self) -> list[Choice]:
        """The flights that fit as far as is known, cheapest first, the one in the cart before its equals."""
        return [choice for choice in self.offers() if choice.cost <= self.limits["budget"]]

    def offers(self) -> list[Choice]:
        """The flights that fit but for the budget, in the same order."""
        return sorted(
            self._offered(), key=lambda choice: (choice.cost, choice.key != self.in_cart, choice.key.date)
        )

    def row(self, key: Key) -> dict[str, Any]:
        """What is known of a flight."""
        return self.days[key.date].rows[key.flight_id]

    def _offered(self) -> Iterator[Choice]:
        for date, day in self.days.items():
            for row in day.rows.values():
                key = Key(date, row["id"], self.route)
                if key not in self._sold_out and self._suits(row):
                    yield self._priced(key, row)

    def _suits(self, row: dict[str, Any]) -> bool:
        after, stops = self.limits["depart_after"], self.limits["max_stops"]
        return (after is None or row["depart"] >= after) and (stops is None or row["stops"] <= stops)

    def _priced(self, key: Key, row: dict[str, Any]) -> Choice:
        price, airline = row["price"], row["airline"]
        best = max(self._offers.values(), key=lambda offer: offer.off(price, airline), default=None)
        off = best.off(price, airline) if best is not None else 0
        percent = FEE_PERCENT.get(self.limits.get("instalments", 0), 0)
        total = price - off
        fee = -(-total * percent // 100)
        return Choice(key, total + fee, best.code if best is not None and off else None)

    def _read_messages(self, page: dict[str, Any]) -> None:
        for message in page["messages"]:
            if found := _COUPON.match(message):
                code, percent, minimum, airline = found.groups()
                self._offers[code] = Offer(code, int(percent), int(minimum or 0), airline or "")
            elif found := _CODE.search(message):
                self.code_3ds = found[1]

    def _learn_of_add(self, flight_id: str, page: dict[str, Any]) -> None:
        forms = page["forms"]
        key = Key(forms["date"], flight_id, (forms["from"], forms["to"]))
        if page["cart"]["items"]:
            self.in_cart = key
        else:
            self._sold_out.add(key)

    def _note_price(self, key: Key, price: int) -> None:
        if key.route == self.route and key.date in self.days:
            rows = self.days[key.date].rows
            if key.flight_id in rows:
                rows[key.flight_id] = rows[key.flight_id] | {"price": price}

    def _learn_of_results(self, made: Decision, page: dict[str, Any]) -> None:
        forms = page["forms"]
        filters: dict[str, Any] = {}
        if made.tool == "filter_results":
            filters = {
                name: v for name, v in made.arguments.items() if name != "page" and v not in (None, "")
            }
        elif made.tool != "search_flights" and self.search is not None:
            filters = self.search.filters
        self.search = Search((forms["from"], forms["to"]), forms["date"], filters)
        counted = next((found for found in map(_PAGES.search, page["messages"]) if found), None)
        if self.search.route != self.route or forms["date"] not in self.days or counted is None:
            return
        day = self.days[forms["date"]]
        day.rows |= {row["id"]: row for row in page["flights"]}
        if filters == self.filters:
            day.pages = int(counted[2])
            day.pages_seen.add(int(counted[1]))


def _around(date: str, days: int) -> Iterator[str]:
    """The date, then those up to so many days before and after it, nearest first."""
    middle = dt.date.fromisoformat(date)
    for shift in sorted(range(-days, days + 1), key=abs):
        yield (middle + dt.timedelta(days=shift)).isoformat()
