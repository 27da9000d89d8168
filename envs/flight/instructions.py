"""What a customer says: the instruction of a flight task, in sentences that an agent can act on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from practicum.envs.flight.airports import AIRPORTS
from practicum.envs.flight.bookings import Ticket


def instruction(params: Mapping[str, Any], ticket: Ticket | None) -> str:
    """The instruction of a task.

    Args:
        params: the parameters of `begin`, complete.
        ticket: the booking that a cancel or refund task begins with.
    """
    if ticket is None:
        return _to_book(params)
    trip = f"{ticket.id} (flight {ticket.flight_id}, {_route(params)} on {ticket.date})"
    if params["kind"] == "cancel":
        return (
            f"Cancel the booking {trip}, but only if that costs a fee of at most {params['max_fee']}. "
            "If it costs more, leave the booking as it is and abort."
        )
    return (
        f"Get the money back for the booking {trip}: cancel it and request the refund, but only if at least "
        f"{params['min_refund']} is paid back. If it is less, leave the booking as it is and abort."
    )


def _to_book(params: Mapping[str, Any]) -> str:
    said = [
        f"Book a flight {_route(params)} on {params['date']}, as cheaply as possible and for at most "
        f"{params['budget']} in total."
    ]
    if params["flex_days"]:
        said.append(f"It may leave up to {_counted(params['flex_days'], 'day')} earlier or later.")
    said += _limits(params)
    if params["instalments"]:
        said.append(f"Pay in {params['instalments']} instalments; their fee counts towards the total.")
    said.append(f"The card token is {params['card_token']}. If no flight fits, abort.")
    return " ".join(said)


def _limits(params: Mapping[str, Any]) -> list[str]:
    after, stops = params["depart_after"], params["max_stops"]
    limits = [f"leave at {after} or later"] if after is not None else []
    if stops is not None:
        limits.append(f"have at most {_counted(stops, 'stop')}" if stops else "be direct")
    return [f"It must {' and '.join(limits)}."] if limits else []


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _route(params: Mapping[str, Any]) -> str:
    origin, destination = AIRPORTS[params["origin"]], AIRPORTS[params["destination"]]
    return f"from {origin.city} ({origin.code}) to {destination.city} ({destination.code})"
