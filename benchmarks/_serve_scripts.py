"""What the serving benchmark plays: bookings up to the payment, again and again, each result known before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from statistics import median_low
from typing import Any

from practicum.envs import Episode, Step, Task, find

FLIGHT = find("flight")


@dataclass(frozen=True)
class ScriptedCall:
    """One call, and what the world must answer."""

    tool: str
    arguments: dict[str, Any]
    result: Any


@dataclass(frozen=True)
class Script:
    """The calls of one session; equal seed and equal calls give equal results."""

    seed: int
    calls: list[ScriptedCall]

    def as_json(self) -> dict[str, Any]:
        """A plain JSON object, as the load generator reads it."""
        return asdict(self)


def scripts(count: int, calls: int) -> list[Script]:
    """The first seeds in which so many calls go through without a refusal, and what they answer."""
    return list(islice(_scripts(calls), count))


def _scripts(calls: int) -> Iterator[Script]:
    seed = 0
    while True:
        task = FLIGHT.make_task(seed)
        steps = list(islice(_bookings(task), calls)) if task.params["kind"] == "book" else []
        if len(steps) == calls:
            yield Script(seed, [ScriptedCall(step.tool, dict(step.arguments), step.result) for step in steps])
        seed += 1


def _bookings(task: Task) -> Iterator[Step]:
    """Search, filter, look, put into the cart, go to the payment, enter the card, begin again.

    Ends where a search finds nothing or a flight has sold out.
    """
    episode = Episode(FLIGHT(), task)
    while True:
        yield (searched := episode.act("search_flights"))
        yield (filtered := episode.act("filter_results", {"max_stops": 1}))
        found = filtered.result["flights"] or searched.result["flights"]
        if not found:
            return
        yield episode.act("select_flight", {"flight_id": found[0]["id"]})
        yield (added := episode.act("add_to_cart", {"flight_id": found[0]["id"]}))
        if added.refused or added.result["view"] != "cart":
            return
        yield episode.act("proceed_to_payment")
        yield episode.act("enter_card", {"card_token": task.params["card_token"]})
        yield episode.act("restart")


def constants(played: list[Script]) -> dict[str, Any]:
    """For each tool the structured result that the peers always give: the one of median length."""
    by_tool: dict[str, list[Any]] = {}
    for script in played:
        for call in script.calls:
            by_tool.setdefault(call.tool, []).append(call.result)
    return {tool: _structured(_median(results)) for tool, results in by_tool.items()}


def _median(results: list[Any]) -> Any:
    middle = median_low(len(str(result)) for result in results)
    return next(result for result in results if len(str(result)) == middle)


def _structured(result: Any) -> dict[str, Any]:
    """A result in the form that Practicum gives it, with a session and a turn of the usual length."""
    ends = {"terminated": False, "truncated": False}
    return {
        "session_id": "0" * 32,
        "turn": 10,
        "result": result,
        "reward": -0.01,
        "terms": {"step": -0.01},
    } | ends
