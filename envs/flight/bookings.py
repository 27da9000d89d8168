"""What a flight session holds: the search, the cart, the payment under way, tickets with their fare rules."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from practicum.envs.errors import UsageError
from practicum.envs.flight.timetable import Fare, Flight, timetable
from practicum.envs.flight.wishes import Wish
from practicum.envs.records import Record

View = Literal["search_results", "cart", "payment", "receipt", "error"]
Status = Literal["ticketed", "cancelled", "refunded"]

FREE_HOURS = 24
"""For this long after booking a ticket can be given back without a fee."""
FARE_PERCENT: dict[Fare, int] = {"flex": 0, "standard": 30, "light": 100}
"""What cancelling costs later, in percent of the price."""
FARE_RULES: dict[Fare, str] = {
    "flex": "flex fare: cancelling is free",
    "standard": "standard fare: cancelling costs 30% of the price",
    "light": "light fare: nothing is paid back after cancelling",
}


@dataclass(frozen=True, slots=True)
class Item:
    """The flight in the cart."""

    flight_id: str
    origin: str
    destination: str
    date: str
    airline: str
    price: int
    """Without coupon."""

    def at(self, price: int) -> Item:
        """The same at another price."""
        return replace(self, price=price)


@dataclass(frozen=True, slots=True)
class Ticket:
    """A booking that has been paid for."""

    id: str
    flight_id: str
    origin: str
    destination: str
    date: str
    depart: str
    stops: int
    fare: Fare
    paid: int
    """Everything that was paid, the fee for instalments included."""
    instalments: int = 0
    """Months over which it is paid; 0 for at once."""
    status: Status = "ticketed"
    hours_since_booking: int = 0

    @classmethod
    def of(
        cls,
        flight: Flight,
        origin: str,
        destination: str,
        date: str,
        *,
        paid: int,
        instalments: int = 0,
        hours: int = 0,
    ) -> Ticket:
        """A ticket for a flight; its id follows from what it is for."""
        number = zlib.crc32(f"{flight_key(origin, destination, date, flight.id)} {paid}".encode()) % 1_000_000
        return cls(
            id=f"BK{number:06d}",
            flight_id=flight.id,
            origin=origin,
            destination=destination,
            date=date,
            depart=flight.depart,
            stops=flight.stops,
            fare=flight.fare,
            paid=paid,
            instalments=instalments,
            hours_since_booking=hours,
        )

    def with_status(self, status: Status) -> Ticket:
        """The same with another status."""
        return replace(self, status=status)

    @property
    def in_free_hours(self) -> bool:
        """Whether it can still be given back without a fee, whatever its fare."""
        return self.hours_since_booking <= FREE_HOURS

    @property
    def fee(self) -> int:
        """What cancelling keeps back, rounded up to a whole amount."""
        percent = 0 if self.in_free_hours else FARE_PERCENT[self.fare]
        return -(-self.paid * percent // 100)

    @property
    def refund(self) -> int:
        """What a refund pays back."""
        return self.paid - self.fee

    def as_row(self) -> dict[str, Any]:
        """What an agent sees of it."""
        return {
            "id": self.id,
            "flight_id": self.flight_id,
            "price": self.paid,
            "fare": self.fare,
            "status": self.status,
            "fee": self.fee,
            "refund": self.refund,
        }


@dataclass
class Booking(Record):
    """Everything that an episode changes."""

    view: View
    origin: str
    destination: str
    date: str
    """Route and day on the form, and of the search once there is one."""
    luck: tuple[float, ...]
    """Chances drawn at the beginning: `TRIES` for 3DS, then for failing, then for the code."""
    shuffled: bool
    """Whether results come in no order."""
    messages: tuple[str, ...] = ()
    searched: bool = False
    page: int = 1
    depart_after: str | None = None
    """The filter, as are the next two."""
    max_stops: int | None = None
    airline: str | None = None
    item: Item | None = None
    coupon: str | None = None
    card_entered: bool = False
    needs_3ds: bool = False
    attempts: int = 0
    """Payments that failed."""
    ticket: Ticket | None = None
    declined: bool = False
    """Whether the agent aborted."""
    reached: tuple[str, ...] = ()
    """Progress terms that have been earned."""
    gone: tuple[str, ...] = ()
    """Flights found sold out, as `date id` of a route."""
    repriced: dict[str, int] = field(default_factory=dict)
    """Prices found changed, by `date id` of a route."""


TRIES = 8
"""Payments for which chances are drawn; later ones use them over again."""


def flight_key(origin: str, destination: str, date: str, flight_id: str) -> str:
    """What a flight is called in `gone` and `repriced`."""
    return f"{origin}-{destination} {date} {flight_id}"


def booked_ticket(seed: int, wish: Wish, flight_id: str, hours_since_booking: int) -> Ticket:
    """The booking with which a cancel or refund task begins, paid as listed.

    Args:
        seed: of the world.
        wish: gives route and day.
        flight_id: of the flight; empty for the cheapest of the day.
        hours_since_booking: decide whether it can still be given back for nothing.

    Raises:
        UsageError: the day has no flight of that id.
    """
    flown = timetable(seed, wish.origin, wish.destination, wish.date)
    flight = flown.by_id.get(flight_id or flown.cheapest_first[0].id)
    if flight is None:
        raise UsageError(f"booked_flight is {flight_id!r}, which does not fly on {wish.date}")
    return Ticket.of(
        flight, wish.origin, wish.destination, wish.date, paid=flight.price, hours=hours_since_booking
    )
