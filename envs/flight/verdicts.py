"""How a flight session ends: whether it is over, what it breaks, and what it cost above the best price."""

from __future__ import annotations

from collections.abc import Iterator

from practicum.envs.flight.bookings import Booking, Status, Ticket
from practicum.envs.flight.wishes import Kind, Odds, Wish, best_within_budget
from practicum.envs.rewards import Outcome
from practicum.envs.tasks import Task

GOAL: dict[Kind, Status] = {"book": "ticketed", "cancel": "cancelled", "refund": "refunded"}
"""The status of the booking that ends each kind of task."""


def ended(wish: Wish, state: Booking) -> bool:
    """Whether the episode is over."""
    return state.declined or (state.ticket is not None and state.ticket.status == GOAL[wish.kind])


def judge(task: Task, wish: Wish, odds: Odds, state: Booking) -> Outcome:
    """The outcome of a session as it stands."""
    return _judge_booking(task, wish, odds, state) if wish.kind == "book" else _judge_service(wish, state)


def _judge_booking(task: Task, wish: Wish, odds: Odds, state: Booking) -> Outcome:
    best = best_price(task, wish, odds)
    ticket = state.ticket
    violations = tuple(broken(wish, ticket)) if ticket is not None else ()
    success = not violations if ticket is not None else state.declined and best is None
    regret = float(ticket.paid - best) if ticket is not None and best is not None else None
    details = {
        "ticketed": ticket is not None,
        "declined": state.declined,
        "price_paid": ticket.paid if ticket is not None else None,
    }
    return Outcome(success, violations, regret, details)


def best_price(task: Task, wish: Wish, odds: Odds) -> int | None:
    """The task's best price, computed where the task does not bring it along."""
    if "best_price" in task.secret:
        known: int | None = task.secret["best_price"]
        return known
    return best_within_budget(task.seed, wish, odds)


def broken(wish: Wish, ticket: Ticket) -> Iterator[str]:
    """The kinds of constraint that a new ticket breaks."""
    if ticket.paid > wish.budget:
        yield "budget"
    if wish.depart_after is not None and ticket.depart < wish.depart_after:
        yield "depart_after"
    if wish.max_stops is not None and ticket.stops > wish.max_stops:
        yield "max_stops"
    if (ticket.origin, ticket.destination) != (wish.origin, wish.destination):
        yield "route"
    if ticket.date not in wish.dates:
        yield "date"
    if wish.instalments and ticket.instalments != wish.instalments:
        yield "instalments"


def _judge_service(wish: Wish, state: Booking) -> Outcome:
    ticket = state.ticket
    assert ticket is not None
    possible = can_be_served(wish, ticket)
    given_up = ticket.status != "ticketed"
    violations = (("fee" if wish.kind == "cancel" else "refund"),) if given_up and not possible else ()
    if possible:
        success = ticket.status == GOAL[wish.kind] and not state.declined
    else:
        success = state.declined and not given_up
    details = {
        "ticketed": False,
        "declined": state.declined,
        "price_paid": None,
        "booking_status": ticket.status,
    }
    return Outcome(success, violations, None, details)


def can_be_served(wish: Wish, ticket: Ticket) -> bool:
    """Whether a booking can be cancelled, or refunded, within the customer's limit."""
    if wish.kind == "cancel":
        return ticket.fee <= wish.max_fee
    return ticket.refund >= max(1, wish.min_refund)
