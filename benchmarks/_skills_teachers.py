"""Teachers: those whose sessions skills are mined from, sure ones and such as teach badly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from practicum.envs import Task, ToolEnv
from practicum.envs.flight_booking_env import FlightBookingEnv
from practicum.envs.rewards import Outcome
from practicum.training.agents import Agent, Decision, ScriptedAgent
from practicum.training.agents.flight_script import FlightScript

SLIPS = 0.05
NOISY = 0.3
DETOURS = 0.35
"""Share of a wanderer's calls that lead nowhere."""
FORGETFUL = 0.3
"""Share of a forgetful teacher's sessions in which it knows of no limit."""
FORGOTTEN: Mapping[str, Any] = {
    "budget": 100_000,
    "depart_after": None,
    "max_stops": None,
    "max_fee": 100_000,
    "min_refund": 0,
}


class Wanderer(FlightScript):
    """Solves flight tasks with needless calls between: looks again, puts in a flight, takes one out."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng((seed, 0xDE7))

    def next(self) -> Decision:
        """A detour, or the next call of a sure hand."""
        ways = self._detours() if self._random.random() < DETOURS else []
        return ways[int(self._random.integers(len(ways)))] if ways else super().next()

    def _detours(self) -> list[Decision]:
        page = self._memory.page
        if page["booking"] is not None:
            return []
        ways = [self._search(page["forms"]["date"], "Once more.")]
        if page["cart"]["items"]:
            return [*ways, Decision("remove_from_cart", {}, "Perhaps another one.")]
        for row in page["flights"][:3]:
            flight = {"flight_id": row["id"]}
            ways += [Decision("select_flight", flight), Decision("add_to_cart", flight)]
        return ways


class Forgetful(FlightScript):
    """Solves flight tasks, but in some sessions knows of no limit that the customer has set."""

    def __init__(self, seed: int) -> None:
        self._forgets = np.random.default_rng((seed, 0xF06)).random() < FORGETFUL

    def start(self, instruction: str, observation: Any) -> None:
        """Read the instruction and the first page, with or without its limits."""
        told = observation["constraints"]
        lost = {name: FORGOTTEN[name] for name in told if name in FORGOTTEN} if self._forgets else {}
        super().start(instruction, observation | {"constraints": told | lost})


def misjudged(share: float) -> type[FlightBookingEnv]:
    """Flights, where the judge calls a share of the sessions that failed a success."""

    class Misjudged(FlightBookingEnv):
        """The world itself is as it was; only what it says of the end is wrong."""

        def outcome(self) -> Outcome:
            found = super().outcome()
            is_lucky = np.random.default_rng((self.task.seed, 0x1E)).random() < share
            return replace(found, success=True) if is_lucky else found

    return Misjudged


@dataclass(frozen=True)
class Teacher:
    """Who plays the sessions, and in which world."""

    about: str
    script: Callable[[int], FlightScript] = lambda _: FlightScript()
    """Of a seed."""
    noise: float = SLIPS
    mislabelled: float = 0.0
    """Share of the sessions that failed which the log holds as successes."""

    @property
    def world(self) -> type[ToolEnv[Any]]:
        """What it plays."""
        return misjudged(self.mislabelled) if self.mislabelled else FlightBookingEnv

    def agent(self, task: Task) -> Agent:
        """Who plays a task."""
        return ScriptedAgent(lambda: self.script(task.seed), seed=task.seed, noise=self.noise)


TEACHERS: Mapping[str, Teacher] = {
    "steady": Teacher("one call of 20 is a slip"),
    "noisy": Teacher("three calls of 10 are slips", noise=NOISY),
    "detours": Teacher("one call of three leads nowhere", Wanderer),
    "forgetful": Teacher("knows of no limit in 30 % of the sessions", Forgetful),
    "mislabelled": Teacher("the same, 5 % of what failed is logged as success", Forgetful, mislabelled=0.05),
    "misjudged": Teacher("the same, 20 % of what failed is logged as success", Forgetful, mislabelled=0.2),
}
