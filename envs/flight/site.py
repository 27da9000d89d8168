"""The booking site of one session: what its task fixes, and the pages that it shows of the state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from practicum.envs.errors import ActionError, nearest
from practicum.envs.flight.airports import AIRPORTS
from practicum.envs.flight.bookings import (
    FARE_RULES,
    TRIES,
    Booking,
    Item,
    Ticket,
    View,
    booked_ticket,
    flight_key,
)
from practicum.envs.flight.coupons import Coupon, coupons
from practicum.envs.flight.hints import hint
from practicum.envs.flight.pages import PAGE_ROWS, Page, matching, pages_of
from practicum.envs.flight.timetable import Flight, Timetable, timetable
from practicum.envs.flight.wishes import Odds, Wish, odds_of, wish_of


@dataclass(slots=True)
class Site:
    """A session's view of the world. Everything that changes is in `state`; the rest is the task's."""

    seed: int
    wish: Wish
    odds: Odds
    card_token: str
    hints: bool
    coupons: tuple[Coupon, ...]
    state: Booking

    # What the state points at

    def flown(self) -> Timetable:
        """The flights of the current search.

        Raises:
            ActionError: nothing has been searched yet.
        """
        state = self.state
        if not state.searched:
            raise ActionError("nothing has been searched yet; search_flights comes first")
        return timetable(self.seed, state.origin, state.destination, state.date)

    def flight(self, flight_id: str) -> Flight:
        """A flight of the current search.

        Raises:
            ActionError: the search has none of that id.
        """
        flights = self.flown().by_id
        if flight_id not in flights:
            meant = nearest(flight_id, flights)
            raise ActionError(f"no flight {flight_id!r} in this search{meant}; search_flights lists them")
        return flights[flight_id]

    def key(self, flight_id: str) -> str:
        """What a flight of the current search is called in `gone` and `repriced`."""
        state = self.state
        return flight_key(state.origin, state.destination, state.date, flight_id)

    def item(self) -> Item:
        """The flight in the cart.

        Raises:
            ActionError: there is none.
        """
        if self.state.item is None:
            raise ActionError("the cart is empty; add_to_cart puts a flight in")
        return self.state.item

    def coupon(self, code: str | None) -> Coupon | None:
        """The coupon of that code, if the world has it."""
        return next((coupon for coupon in self.coupons if coupon.code == code), None)

    def total(self) -> int:
        """What the cart costs, its coupon taken off."""
        item, coupon = self.state.item, self.coupon(self.state.coupon)
        if item is None:
            return 0
        return item.price - coupon.off(item.price) if coupon is not None else item.price

    def code_3ds(self) -> str:
        """The code that the bank sends for the payment under way."""
        return f"{int(self.state.luck[2 * TRIES + self.state.attempts % TRIES] * 1_000_000):06d}"

    def booking(self, booking_id: str) -> Ticket:
        """The customer's booking.

        Raises:
            ActionError: there is none of that id.
        """
        ticket = self.state.ticket
        if ticket is None:
            raise ActionError(f"there is no booking {booking_id!r}; nothing has been booked yet")
        if ticket.id != booking_id:
            raise ActionError(f"there is no booking {booking_id!r}; the customer's is {ticket.id!r}")
        return ticket

    # Moves that several actions share

    def to_start(self) -> None:
        """Put the session back where it began: the customer's form, an empty cart."""
        state, wish = self.state, self.wish
        state.origin, state.destination, state.date = wish.origin, wish.destination, wish.date
        state.searched, state.page = False, 1
        state.depart_after = state.max_stops = state.airline = None
        state.item = state.coupon = None
        self.leave_payment()
        ticket = state.ticket
        state.view = "search_results" if ticket is None else "receipt"
        coupons_told = tuple(map(told, self.coupons))
        state.messages = (
            coupons_told if ticket is None else (f"Your booking {ticket.id}: {told_rules(ticket)}.",)
        )

    def leave_payment(self) -> None:
        """Forget the card that was entered."""
        if self.state.card_entered:
            self.state.card_entered = self.state.needs_3ds = False

    def to_payment(self) -> tuple[str, ...]:
        """Find out what the flight in the cart costs now, and say so if that is more than before.

        Prices only rise, so a coupon that fitted still does.
        """
        state, item = self.state, self.item()
        flight = timetable(self.seed, item.origin, item.destination, item.date).by_id[item.flight_id]
        price = self.odds.price(flight)
        if price == item.price:
            return ()
        state.item = item.at(price)
        state.repriced[flight_key(item.origin, item.destination, item.date, item.flight_id)] = price
        return (f"The price of {item.flight_id} has changed from {item.price} to {price}.",)

    # Pages

    def show(self, view: View, *messages: str) -> Page:
        """Go to a view without flights."""
        self.state.view, self.state.messages = view, messages
        return self.page(view, (), messages)

    def show_results(self, page: int, *news: str) -> Page:
        """Go to one page of the search as it is filtered.

        Raises:
            ActionError: there is no such page.
        """
        state = self.state
        rows = matching(state, self.flown())
        pages = pages_of(rows)
        if not 1 <= page <= pages:
            raise ActionError(f"there is no page {page}; pages go from 1 to {pages}")
        trip = f"{state.origin}-{state.destination} on {state.date}"
        found = f"{len(rows)} flights {trip}, page {page} of {pages}."
        tip = (hint(self.seed, state.origin, state.destination, state.date),) if self.hints else ()
        self.leave_payment()
        state.view, state.page, state.messages = "search_results", page, (*news, found, *tip)
        return self.page("search_results", self._shown(rows), state.messages)

    def current(self) -> Page:
        """The page as the state has it."""
        state = self.state
        shows_flights = state.view == "search_results" and state.searched
        rows = self._shown(matching(state, self.flown())) if shows_flights else ()
        return self.page(state.view, rows, state.messages)

    def _shown(self, rows: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
        last = self.state.page * PAGE_ROWS
        return rows[last - PAGE_ROWS : last]

    def page(self, view: View, rows: Sequence[dict[str, Any]], messages: Sequence[str]) -> Page:
        """The dictionary that agents see."""
        state, item, ticket = self.state, self.state.item, self.state.ticket
        return {
            "view": view,
            "forms": {
                "from": state.origin,
                "to": state.destination,
                "date": state.date,
                "card_token": self.card_token,
            },
            "flights": rows,
            "cart": {
                "items": [{"flight_id": item.flight_id, "price": item.price}] if item is not None else [],
                "total": self.total(),
                "coupon": state.coupon,
            },
            "payment_state": {
                "needs_3ds": state.needs_3ds,
                "attempts": state.attempts,
                "card_entered": state.card_entered,
            },
            "constraints": self.wish.shown,
            "messages": messages,
            "booking": ticket.as_row() if ticket is not None else None,
        }


def open_site(seed: int, params: Mapping[str, Any], random: np.random.Generator) -> Site:
    """The site as a session finds it.

    Args:
        seed: of the world.
        params: those of `FlightBookingEnv.begin`, complete.
        random: draws the luck of the session.

    Raises:
        UsageError: names the first parameter that the world does not know.
    """
    wish, odds = wish_of(params), odds_of(params)
    luck = random.random(3 * TRIES + 1).tolist()
    state = Booking(
        "search_results", wish.origin, wish.destination, wish.date, tuple(luck[1:]), luck[0] < odds.shuffled
    )
    offered: tuple[Coupon, ...] = ()
    if wish.kind == "book":
        offered = coupons(seed, wish.origin, wish.destination)
    else:
        state.ticket = booked_ticket(seed, wish, params["booked_flight"], params["hours_since_booking"])
    site = Site(seed, wish, odds, params["card_token"], params["hints"], offered, state)
    site.to_start()
    return site


def told(coupon: Coupon) -> str:
    """A coupon as a message."""
    return f"{coupon}."


def told_rules(ticket: Ticket) -> str:
    """What cancelling a ticket costs, as a message."""
    if ticket.in_free_hours:
        return f"booked {ticket.hours_since_booking} hours ago, so cancelling is still free"
    return f"{FARE_RULES[ticket.fare]}, here {ticket.fee} of {ticket.paid}"


def known_airport(code: str) -> str:
    """The code in capitals.

    Raises:
        ActionError: there is no such airport.
    """
    found = code.strip().upper()
    if found not in AIRPORTS:
        raise ActionError(f"no airport {code!r}{nearest(found, AIRPORTS)}; use its IATA code, such as SFO")
    return found
