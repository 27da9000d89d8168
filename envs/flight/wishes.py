"""What a customer wants to fly, and the best price at which the world can sell it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from practicum.envs.errors import UsageError, nearest
from practicum.envs.flight.airports import AIRPORTS
from practicum.envs.flight.coupons import best_price, coupons
from practicum.envs.flight.timetable import FIRST_DAY, LAST_DAY, Flight, timetable

Kind = Literal["book", "cancel", "refund"]

INSTALMENT_PERCENT = {3: 2, 6: 4, 12: 7}
"""What paying in that many months costs, in percent of the total."""


@dataclass(frozen=True)
class Wish:
    """Route, day and constraints of a customer."""

    kind: Kind
    origin: str
    destination: str
    date: str
    budget: int
    depart_after: str | None = None
    """The earliest local time of departure, HH:MM."""
    max_stops: int | None = None
    flex_days: int = 0
    """How many days earlier or later the flight may leave."""
    instalments: int = 0
    """The months over which the customer wants to pay; 0 for no such wish."""
    max_fee: int = 0
    """The most that cancelling may cost."""
    min_refund: int = 0
    """The least that must be paid back."""

    @cached_property
    def shown(self) -> dict[str, Any]:
        """The constraints as agents see them."""
        if self.kind != "book":
            limit = {"max_fee": self.max_fee} if self.kind == "cancel" else {"min_refund": self.min_refund}
            return {"budget": None, "depart_after": None, "max_stops": None, **limit}
        shown = {"budget": self.budget, "depart_after": self.depart_after, "max_stops": self.max_stops}
        if self.flex_days:
            shown["flex_days"] = self.flex_days
        return shown | {"instalments": self.instalments} if self.instalments else shown

    @cached_property
    def dates(self) -> tuple[str, ...]:
        """The days on which the flight may leave, the wished one first."""
        days = (shifted(self.date, days) for days in _outward(self.flex_days))
        return tuple(day for day in days if is_day(day))

    def suits(self, flight: Flight) -> bool:
        """Whether a flight fits everything but the budget."""
        late_enough = self.depart_after is None or flight.depart >= self.depart_after
        return late_enough and (self.max_stops is None or flight.stops <= self.max_stops)


@dataclass(frozen=True, slots=True)
class Odds:
    """How likely each disturbance is."""

    needs_3ds: float = 0.0
    payment_fails: float = 0.0
    sold_out: float = 0.0
    shuffled: float = 0.0
    price_change: float = 0.0

    def price(self, flight: Flight) -> int:
        """What a flight costs on the payment page, before coupons."""
        return flight.raised_price if flight.change_luck < self.price_change else flight.price

    def has_sold_out(self, flight: Flight) -> bool:
        """Whether the seed leaves none of a flight's seats."""
        return flight.sold_out_luck < self.sold_out


def best_total(seed: int, wish: Wish, odds: Odds) -> int | None:
    """The least that a flight which suits can be paid for, whatever the budget; None where there is none."""
    offered = coupons(seed, wish.origin, wish.destination)
    totals = [
        with_fee(best_price(odds.price(flight), flight.airline, offered), wish.instalments)
        for date in wish.dates
        for flight in timetable(seed, wish.origin, wish.destination, date).cheapest_first
        if wish.suits(flight) and not odds.has_sold_out(flight)
    ]
    return min(totals, default=None)


def best_within_budget(seed: int, wish: Wish, odds: Odds) -> int | None:
    """The best price of the task; None where nothing feasible can be bought."""
    best = best_total(seed, wish, odds)
    return best if best is not None and best <= wish.budget else None


def with_fee(total: int, months: int) -> int:
    """A total with the fee for paying it in that many months, rounded up to a whole amount."""
    return total + -(-total * INSTALMENT_PERCENT.get(months, 0) // 100)


def shifted(date: str, days: int) -> str:
    """The ISO date that many days later."""
    return (dt.date.fromisoformat(date) + dt.timedelta(days=days)).isoformat() if days else date


def wish_of(params: Mapping[str, Any]) -> Wish:
    """The wish that parameters of `begin` mean; a budget that is not set yet counts as 0.

    Raises:
        UsageError: names the first setting that the world does not know.
    """
    wish = Wish(**{"budget": 0} | {name: params[name] for name in _WISH_FIELDS if name in params})
    if wish.kind not in ("book", "cancel", "refund"):
        raise UsageError(f"kind is {wish.kind!r}, expected book, cancel or refund")
    _check_numbers(wish)
    _check_trip(wish)
    return wish


def _check_numbers(wish: Wish) -> None:
    for name in ("budget", "flex_days", "instalments", "max_fee", "min_refund"):
        if type(getattr(wish, name)) is not int:
            raise UsageError(f"{name} is {getattr(wish, name)!r}, expected a whole number")
    if wish.max_stops is not None and type(wish.max_stops) is not int:
        raise UsageError(f"max_stops is {wish.max_stops!r}, expected a whole number or null")
    if wish.instalments not in (0, *INSTALMENT_PERCENT):
        raise UsageError(f"instalments is {wish.instalments!r}, expected 0, 3, 6 or 12")
    if not 0 <= wish.flex_days <= 3:
        raise UsageError(f"flex_days is {wish.flex_days!r}, expected 0 to 3")


def _check_trip(wish: Wish) -> None:
    for name, code in (("origin", wish.origin), ("destination", wish.destination)):
        if code not in AIRPORTS:
            meant = nearest(str(code), AIRPORTS)
            raise UsageError(f"{name} is {code!r}, which is no airport of flight-v1{meant}")
    if wish.origin == wish.destination:
        raise UsageError(f"origin and destination are both {wish.origin!r}")
    if not is_day(wish.date):
        raise UsageError(f"date is {wish.date!r}, expected YYYY-MM-DD from {FIRST_DAY} to {LAST_DAY}")
    if wish.depart_after is not None and not is_time(wish.depart_after):
        raise UsageError(f"depart_after is {wish.depart_after!r}, expected HH:MM")


def odds_of(params: Mapping[str, Any]) -> Odds:
    """The odds that parameters of `begin` mean.

    Raises:
        UsageError: names the first that is no probability.
    """
    given = {setting: params[setting] for setting in _ODDS_FIELDS if setting in params}
    for setting, value in given.items():
        if isinstance(value, str) or not 0 <= value <= 1:
            raise UsageError(f"{setting} is {value!r}, expected a probability from 0 to 1")
    return Odds(**{_ODDS_FIELDS[setting]: value for setting, value in given.items()})


_ODDS_FIELDS = {
    "p_3ds": "needs_3ds",
    "p_payment_fails": "payment_fails",
    "p_sold_out": "sold_out",
    "p_shuffled": "shuffled",
    "p_price_change": "price_change",
}
"""The field of `Odds` by the name of the setting."""
_WISH_FIELDS = tuple(Wish.__dataclass_fields__)


def is_day(text: str) -> bool:
    """Whether a text is an ISO date on which flights can be searched."""
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        return False
    return FIRST_DAY <= day <= LAST_DAY and day.isoformat() == text


def is_time(text: str) -> bool:
    """Whether a text is a time of day, HH:MM."""
    hours, colon, minutes = text.partition(":")
    digits = len(text) == 5 and colon == ":" and hours.isdecimal() and minutes.isdecimal()
    return digits and int(hours) < 24 and int(minutes) < 60


def _outward(days: int) -> Iterator[int]:
    yield 0
    for distance in range(1, days + 1):
        yield -distance
        yield distance
