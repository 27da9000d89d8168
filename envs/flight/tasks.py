"""Tasks of the flight world: drawn from a seed, told in a sentence, with their best price kept secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from practicum.envs.errors import UsageError
from practicum.envs.flight.airports import AIRPORTS
from practicum.envs.flight.bookings import Ticket, booked_ticket
from practicum.envs.flight.instructions import instruction
from practicum.envs.flight.timetable import timetable
from practicum.envs.flight.verdicts import can_be_served
from practicum.envs.flight.wishes import (
    best_total,
    best_within_budget,
    odds_of,
    shifted,
    wish_of,
)
from practicum.envs.tasks import Task

Params = dict[str, Any]

STEP_LIMIT = 50
_STREAM = 0x7A5C
"""Keeps the draws of tasks apart from those of the world."""
_FIRST_DAY = "2025-10-01"
_DAYS = 365
_MOST_LIKELY = {
    "p_3ds": 0.5,
    "p_payment_fails": 0.25,
    "p_sold_out": 0.3,
    "p_shuffled": 0.6,
    "p_price_change": 0.3,
}
"""The probability of each disturbance at difficulty 1; it falls to 0 with the difficulty."""
_INFEASIBLE = 0.15
_KINDS = ("book", "cancel", "refund")
_KIND_BOUNDS = (0.8, 0.9)


def draw_task(
    seed: int, settings: Mapping[str, Any], *, difficulty: float | None, feasible: bool | None
) -> Task:
    """The task of a seed, with the settings in place of what would be drawn.

    Raises:
        UsageError: a setting has a value that the world does not know.
    """
    if seed < 0:
        raise UsageError(f"the seed is {seed}, expected 0 or more")
    random = np.random.default_rng((seed, _STREAM))
    luck = random.random(3).tolist()
    hardness = round(luck[0], 2) if difficulty is None else difficulty
    if not 0 <= hardness <= 1:
        raise UsageError(f"difficulty is {difficulty!r}, expected 0 to 1")
    wanted = luck[1] >= _INFEASIBLE if feasible is None else feasible
    kind = settings.get("kind") or _KINDS[sum(luck[2] >= bound for bound in _KIND_BOUNDS)]
    draw = _draw_booking if kind == "book" else _draw_service
    route = {"kind": kind} | _draw_route(random, settings)
    params, secret = draw(seed, random, route, dict(settings), hardness, wanted)
    return Task(
        env="flight",
        version=1,
        seed=seed,
        params=params,
        instruction=instruction(params, _ticket_of(seed, params)),
        difficulty=hardness,
        secret=secret,
        step_limit=STEP_LIMIT,
        id=f"flight-{kind}-{seed}",
    )


def _ticket_of(seed: int, params: Params) -> Ticket | None:
    if params["kind"] == "book":
        return None
    return booked_ticket(seed, wish_of(params), params["booked_flight"], params["hours_since_booking"])


def _draw_route(random: np.random.Generator, settings: Mapping[str, Any]) -> Params:
    """Route and day; where one end is set, the other is drawn to differ."""
    origin, destination = random.choice(list(AIRPORTS), size=2, replace=False).tolist()
    if settings.get("origin") == destination or settings.get("destination") == origin:
        origin, destination = destination, origin
    date = shifted(_FIRST_DAY, int(random.integers(_DAYS)))
    return {"origin": origin, "destination": destination, "date": date}


# Tasks that book


def _draw_booking(
    seed: int, random: np.random.Generator, route: Params, settings: Params, hardness: float, wanted: bool
) -> tuple[Params, Params]:
    params = route | _draw_wish(random, hardness) | settings
    odds_of(params)
    if wanted:
        _relax(seed, params, settings)
    if "budget" not in settings:
        params["budget"] = _draw_budget(seed, params, random, hardness, wanted)
    best = best_within_budget(seed, wish_of(params), odds_of(params))
    return params, {"feasible": best is not None, "best_price": best}


def _draw_wish(random: np.random.Generator, hardness: float) -> Params:
    luck = random.random(6).tolist()
    flex_days = int(luck[0] < 0.2)
    return {
        "depart_after": f"{6 + int(luck[1] * 10):02d}:00" if luck[2] < 0.4 + 0.5 * hardness else None,
        "max_stops": (1, 1, 0, 2, None)[int(luck[3] * 5)],
        "flex_days": flex_days,
        "instalments": (3, 6, 12)[int(luck[4] * 30)] if luck[4] < 0.1 else 0,
        "card_token": f"tok_{int(random.integers(10**9, 10**10))}",
        "hints": bool(flex_days) or luck[5] < 0.5,
    } | {name: round(most * hardness, 3) for name, most in _MOST_LIKELY.items()}


def _relax(seed: int, params: Params, settings: Params) -> None:
    """Give up drawn constraints, and then sold-out flights, until something suits."""
    for name, loosest in (("depart_after", None), ("max_stops", None), ("p_sold_out", 0.0)):
        if best_total(seed, wish_of(params), odds_of(params)) is not None:
            return
        if name not in settings:
            params[name] = loosest


def _draw_budget(
    seed: int, params: Params, random: np.random.Generator, hardness: float, wanted: bool
) -> int:
    """A round budget: somewhat above the best price, or below it where the wish is not to be fulfilled."""
    best = best_total(seed, wish_of(params), odds_of(params))
    chance = float(random.random())
    if best is None:
        return 100 * int(3 + 12 * chance)
    if wanted:
        return 10 * -(-int(best * (1.02 + (0.1 + 0.5 * (1 - hardness)) * chance) + 1) // 10)
    return 10 * int(best * (0.97 - 0.4 * chance) / 10)


# Tasks that begin with a booking


def _draw_service(
    seed: int, random: np.random.Generator, route: Params, settings: Params, _hardness: float, wanted: bool
) -> tuple[Params, Params]:
    params = route | settings
    odds_of(params)
    ticket = _draw_ticket(seed, random, params, wanted)
    limit = {"max_fee": _fee_limit} if params["kind"] == "cancel" else {"min_refund": _refund_limit}
    drawn = {name: draw(ticket, float(random.random()), wanted) for name, draw in limit.items()}
    params |= {"booked_flight": ticket.flight_id, "hours_since_booking": ticket.hours_since_booking}
    params |= {name: value for name, value in drawn.items() if name not in settings}
    return params, {"feasible": can_be_served(wish_of(params), ticket)}


def _draw_ticket(seed: int, random: np.random.Generator, params: Params, wanted: bool) -> Ticket:
    """A booking whose fee lets the wish be fulfilled, or not, as wanted; the settings win."""
    wish = wish_of(params)
    flights = timetable(seed, wish.origin, wish.destination, wish.date).cheapest_first
    for _ in range(100):
        flight_id = params.get("booked_flight") or flights[int(random.integers(len(flights)))].id
        late = random.random() < 0.7
        drawn = int(random.integers(25, 400)) if late else int(random.integers(1, 25))
        ticket = booked_ticket(seed, wish, flight_id, params.get("hours_since_booking", drawn))
        if (ticket.refund > 0) if wanted else (ticket.fee > 0):
            break
    return ticket


def _fee_limit(ticket: Ticket, chance: float, wanted: bool) -> int:
    if wanted:
        return ticket.fee + int(chance * (20 + ticket.fee / 2))
    return max(0, int(ticket.fee * (0.2 + 0.7 * chance)))


def _refund_limit(ticket: Ticket, chance: float, wanted: bool) -> int:
    if wanted:
        return max(1, int(ticket.refund * (0.6 + 0.4 * chance)))
    return ticket.refund + max(1, int(ticket.fee * (0.2 + 0.8 * chance)))
