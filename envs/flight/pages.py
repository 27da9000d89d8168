"""What an agent sees: the page of a session as a dictionary, and the same as short text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from practicum.envs.flight.bookings import Booking, flight_key
from practicum.envs.flight.timetable import Flight, Timetable

Page = dict[str, Any]
"""The dictionary that agents see; `Site.page` lists its keys."""

PAGE_ROWS = 20
"""Most rows of flights in one result."""


def matching(state: Booking, flown: Timetable) -> list[dict[str, Any]]:
    """The rows of a search that pass the filter, in the order in which this session shows them."""
    flights = flown.shuffled if state.shuffled else flown.cheapest_first
    after, stops, airline = state.depart_after, state.max_stops, state.airline
    if after is not None or stops is not None or airline is not None:
        flights = tuple(flight for flight in flights if passes(flight, after, stops, airline))
    rows = [flight.row for flight in flights]
    return as_found_out(state, rows) if state.gone or state.repriced else rows


def passes(flight: Flight, depart_after: str | None, max_stops: int | None, airline: str | None) -> bool:
    """Whether a flight passes a filter."""
    return (
        (depart_after is None or flight.depart >= depart_after)
        and (max_stops is None or len(flight.departure.service.via) <= max_stops)
        and (airline is None or flight.departure.service.airline == airline)
    )


def as_found_out(state: Booking, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without what is known to be sold out, with the prices that are known to have changed."""
    known: list[dict[str, Any]] = []
    for row in rows:
        key = flight_key(state.origin, state.destination, state.date, row["id"])
        if key not in state.gone:
            known.append(row | {"price": state.repriced[key]} if key in state.repriced else row)
    return known if state.shuffled else sorted(known, key=lambda row: (row["price"], row["id"]))


def pages_of(rows: list[dict[str, Any]]) -> int:
    """How many pages rows take, at least one."""
    return max(1, -(-len(rows) // PAGE_ROWS))


def text_of(result: Any) -> str:
    """A page as short text: one row a line, its id last."""
    if not (isinstance(result, Mapping) and "view" in result):
        return result if isinstance(result, str) else to_json(result).decode()
    forms, lines = result["forms"], [f"view {result['view']}"]
    lines.append(f"form {forms['from']} {forms['to']} {forms['date']}")
    lines += [
        f"{row['price']} {row['depart']} {row['arrive']} {row['stops']} {row['airline']} {row['id']}"
        for row in result["flights"]
    ]
    lines += _cart_lines(result["cart"])
    if result["view"] in ("payment", "error"):
        lines.append(_payment_line(result["payment_state"]))
    if result["booking"]:
        ticket = result["booking"]
        shown = (ticket[name] for name in ("status", "price", "fee", "refund", "flight_id", "id"))
        lines.append("booking {} {} fee {} refund {} {} {}".format(*shown))
    return "\n".join([*lines, *result["messages"]])


def _cart_lines(cart: Mapping[str, Any]) -> list[str]:
    lines = [f"cart {item['price']} {item['flight_id']}" for item in cart["items"]]
    if lines:
        lines.append(f"total {cart['total']}" + (f" coupon {cart['coupon']}" if cart["coupon"] else ""))
    return lines


def _payment_line(payment: Mapping[str, Any]) -> str:
    card = "card entered" if payment["card_entered"] else "no card"
    asked = ", 3DS code needed" if payment["needs_3ds"] else ""
    return f"payment {card}{asked}, {payment['attempts']} failed"
