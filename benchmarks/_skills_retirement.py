"""How soon a skill that its world has broken is taken out of use, and how seldom one is that works.

A skill that books flights is used in flight-v1 as it is, then in flight-v1 changed in one of three ways.
Every use is a task played through the interpreter; a history draws its uses, with replacement, from those.
The rules held against each other: the watch that the library keeps, Wilson's bound checked after every use,
and the mean over all uses so far.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from practicum.envs import Episode, action
from practicum.envs.flight_booking_env import FlightBookingEnv
from practicum.skills.evidence import BOUNDARY, HORIZON, Watch
from practicum.skills.interpreter import play
from practicum.skills.language import Skill
from practicum.skills.trials import is_right

Hits = npt.NDArray[np.bool_]
SETTINGS: dict[str, Any] = {
    "kind": "book",
    "flex_days": 0,
    "instalments": 0,
    "budget": 3000,
    "p_sold_out": 0.05,
}
"""Tasks that so simple a skill can do, but for flights that are sold out or on another page."""
AFTER = (100, 500)
"""Uses before the change."""
LATER = 1500
"""Uses after it that are looked at."""
RENAMED = {"price": "fare_total"}
GOES_WELL = 0.2
"""What the third change leaves of the success."""
Z = 1.96
LEAST = 10
"""Uses before the mean over all says anything."""


class NewStatus(FlightBookingEnv):
    """Flights, where the payment page calls itself something else."""

    @action
    def proceed_to_payment(self) -> Any:
        """Go to the payment page."""
        return {**super().proceed_to_payment(), "view": "checkout"}


class RenamedColumn(FlightBookingEnv):
    """Flights, where the price of a row has another name."""

    @action
    def search_flights(self, from_: str = "", to: str = "", date: str = "", page: int = 1) -> Any:
        """Search flights."""
        found = super().search_flights(from_, to, date, page)
        rows = found["flights"]
        return {**found, "flights": [{RENAMED.get(name, name): row[name] for name in row} for row in rows]}


class GoesWrong(FlightBookingEnv):
    """Flights, where most customers are charged more than they were told."""

    @action
    def confirm_payment(self) -> Any:
        """Pay."""
        page = super().confirm_payment()
        ticket = self.state.ticket
        if ticket is not None and self.np_random.random() >= GOES_WELL:
            self.state.ticket = replace(ticket, paid=ticket.paid + 100_000)
        return page


CHANGES = {"new_status": NewStatus, "renamed_column": RenamedColumn, "success_to_20": GoesWrong}


def booking_skill() -> Skill:
    """Books the cheapest flight of the first page that fits, where it is within the budget; else aborts."""
    last = "last"
    fits = [
        {"le": [{"col": "price"}, {"param": "budget"}]},
        {"le": [{"col": "stops"}, {"param": "max_stops"}]},
        {"ge": [{"col": "depart"}, {"param": "depart_after"}]},
    ]
    best = {
        "do": "select", "id": "best", "from": {"ref": "found", "path": "/flights"}, "where": fits,
        "by": {"min": {"col": "price"}},
    }  # fmt: skip
    trip = {"from": {"param": "origin"}, "to": {"param": "destination"}, "date": {"param": "date"}}
    none = {"on": {"missing": {"row": "best", "path": ""}}, "yes": [True], "no": [False]}
    asked = {"on": {"ref": last, "path": "/payment_state/needs_3ds"}, "yes": [True], "no": [False]}
    failed = {"on": {"ref": last, "path": "/view"}, "yes": ["error"], "no": ["receipt"]}
    at_payment = [{"eq": [{"ref": last, "path": "/view"}, {"const": "payment"}]}]
    code = {"field": "code", "form": "your 3DS code is {code}.", "of": {"ref": last, "path": "/messages"}}
    pay = [
        _call("enter", "enter_card", card_token={"param": "card_token"}),
        {"do": "if", "cond": asked, "then": [_call("code", "submit_3ds", code=code)], "else": []},
        _call("pay", "confirm_payment"),
    ]
    body = (
        _call("found", "search_flights", **trip),
        best,
        {"do": "if", "cond": none, "then": [_call("none", "abort"), {"do": "done"}], "else": []},
        _call("cart", "add_to_cart", flight_id={"row": "best", "path": "/id"}),
        {**_call("checkout", "proceed_to_payment"), "expect": at_payment},
        {"do": "retry", "id": "paying", "body": pay, "again": failed, "max": 5},
    )
    closed = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    pre = ({"eq": [{"param": "kind"}, {"const": "book"}]},)
    made = Skill("skill_book_flight", 1, "flight", 1, params=closed, body=body, pre=pre)
    return Skill.from_json(made.as_json())


def _call(name: str, tool: str, **args: Any) -> dict[str, Any]:
    return {"do": "call", "id": name, "tool": tool, "args": args}


def played(skill: Skill, world: type[FlightBookingEnv], count: int, first_seed: int) -> Hits:
    """Which of so many uses of a skill in a world were hits: finished, and the world agreed."""
    hits = []
    for seed in range(first_seed, first_seed + count):
        task = world.make_task(seed, feasible=True, **SETTINGS)
        episode = Episode(world(), task)
        finish = play(skill, episode)
        hits.append(finish.finished and is_right(episode))
    return np.array(hits)


# The rules, each says after every use whether the skill is to go ---------------------------------------


def by_watch(uses: Iterable[bool]) -> Iterator[bool]:
    """The library's."""
    watch = Watch()
    for hit in uses:
        watch = watch.after(hit)
        yield watch.broken


def by_wilson(uses: Iterable[bool]) -> Iterator[bool]:
    """Retired when the upper end of Wilson's 95 % interval falls below the boundary."""
    for n, hits in enumerate(accumulate(map(int, uses)), 1):
        p, square = hits / n, Z * Z / n
        half = math.sqrt(p * (1 - p) * square + square * square / 4)
        yield (p + square / 2 + half) / (1 + square) < BOUNDARY


def by_mean(uses: Iterable[bool]) -> Iterator[bool]:
    """Retired when the mean over all uses falls below the boundary."""
    for n, hits in enumerate(accumulate(map(int, uses)), 1):
        yield n >= LEAST and hits / n < BOUNDARY


RULES: dict[str, Callable[[Iterable[bool]], Iterator[bool]]] = {
    "watch": by_watch,
    "wilson": by_wilson,
    "mean": by_mean,
}


def measure(*, quick: bool) -> dict[str, Any]:
    """All figures; `noticed_*` are uses after the change, the largest of all changes and ages."""
    random = np.random.default_rng(20)
    skill, count = booking_skill(), 400 if quick else 1000
    well = played(skill, FlightBookingEnv, count, 0)
    broken = {name: played(skill, world, count, 10_000) for name, world in CHANGES.items()}
    histories = 400 if quick else 2000
    table = {
        f"{name}_after_{before}": _delays(random, well, after, before, histories)
        for name, after in broken.items()
        for before in AFTER
    }
    return {
        "noticed_median": max(row["watch"]["median"] for row in table.values()),
        "noticed_p95": max(row["watch"]["p95"] for row in table.values()),
        **{f"false_{name}": share for name, share in _false_alarms(random, 400 if quick else 4000).items()},
        "success_before": round(float(well.mean()), 3),
        "success_after": {name: round(float(after.mean()), 3) for name, after in broken.items()},
        "noticed": table,
    }


def _delays(
    random: np.random.Generator, well: Hits, after: Hits, before: int, histories: int
) -> dict[str, dict[str, Any]]:
    """By rule: uses after the change until it is noticed, among histories without an alarm before it."""
    found: dict[str, list[float]] = {name: [] for name in RULES}
    for _ in range(histories):
        uses = np.concatenate([random.choice(well, before), random.choice(after, LATER)]).tolist()
        for name, rule in RULES.items():
            alarm = _first(rule(uses))
            if alarm > before:
                found[name].append(alarm - before)
    return {name: _spread(delays) for name, delays in found.items()}


def _first(alarms: Iterable[bool]) -> float:
    return next((n for n, alarm in enumerate(alarms, 1) if alarm), math.inf)


def _spread(delays: Sequence[float]) -> dict[str, Any]:
    if not delays:
        return {"median": None, "p95": None, "histories": 0}
    median, p95 = (float(np.quantile(delays, q, method="higher")) for q in (0.5, 0.95))
    return {"median": median, "p95": p95, "histories": len(delays)}


def _false_alarms(random: np.random.Generator, histories: int) -> dict[str, float]:
    """By rule: the share of skills at the boundary that are retired within the horizon."""
    uses = (random.random((histories, HORIZON)) < BOUNDARY).tolist()
    return {name: sum(any(rule(row)) for row in uses) / histories for name, rule in RULES.items()}
